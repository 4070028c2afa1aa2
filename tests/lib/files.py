# Files for tests of attachments: small ones of several kinds, and how they are sent and fetched.
import io
import struct
import urllib.parse
import zipfile
import zlib

TEXT = "关于设置直饮水点的说明\n请社区核实。\n".encode()
PDF = (b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
       b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def png(width=8, height=8, noise=b""):
    """A picture; `noise` goes into a text chunk, so that two of a size can differ."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"".join(bytes([x * 255 // width, y * 255 // height, 128]) for x in range(width))
                    for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + (chunk(b"tEXt", b"Comment\0" + noise) if noise else b"") + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def jpeg_size(data):
    """(width, height) of a JPEG."""
    at = 2
    while at < len(data):
        marker, length = data[at + 1], int.from_bytes(data[at + 2:at + 4], "big")
        if 0xc0 <= marker <= 0xc2:
            return int.from_bytes(data[at + 7:at + 9], "big"), int.from_bytes(data[at + 5:at + 7], "big")
        at += 2 + length
    raise AssertionError("no frame in this JPEG")


def with_exif(jpeg, orientation, secret):
    """The JPEG as a telephone would leave it: how it was held, and where (a text that looks like a place)."""
    entries = struct.pack(">HHHIHH", 1, 0x0112, 3, 1, orientation, 0) + struct.pack(">I", 0)
    block = b"Exif\0\0MM\0*\0\0\0\x08" + entries + secret
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def archive():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", "a")
    return out.getvalue()


def disposition(name):
    return "attachment; filename*=UTF-8''" + urllib.parse.quote(name, safe="")


def attach(client, record, name, data, **headers):
    """record: the path of the record."""
    return client.post(f"{record}/attachments", data, headers={"Content-Disposition": disposition(name), **headers})


def attached(client, record, name, data):
    answer = attach(client, record, name, data)
    assert answer.status == 201, answer
    return answer.json


def content(client, record, file, query="", **headers):
    return client.get(f"{record}/attachments/{file}/content{query}", headers=headers)
