"""A camera of the network: one JPEG file over and over, as an HTTP stream.

python camera.py FILE PORT
"""

from __future__ import annotations

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FRAMES_PER_SECOND = 20


class Camera(BaseHTTPRequestHandler):
    """Answers every request with frames until the client goes away."""

    def do_GET(self) -> None:
        """Send frame after frame."""
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        data = Path(sys.argv[1]).read_bytes()
        head = (
            f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        )
        while True:
            self.wfile.write(head + data + b"\r\n")
            time.sleep(1 / FRAMES_PER_SECOND)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(sys.argv[2])), Camera).serve_forever()  # noqa: S104
