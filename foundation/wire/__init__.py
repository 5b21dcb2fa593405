"""What the partner API reads and writes with, whatever the resource."""
