"""Where images come from: folders, archives, videos, cameras, drawn shapes."""
