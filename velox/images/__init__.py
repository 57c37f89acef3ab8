"""Images: their headers, their pixels, what decoding costs, and drawn shapes."""
