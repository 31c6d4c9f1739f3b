"""A proxy as stands before a server that listens on 127.0.0.1: `python -m tests.proxy LISTEN PORT
SERVER_PORT [CERTIFICATE KEY]`, with TLS where it has a certificate."""

import asyncio
import contextlib
import ssl
import sys


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await reader.read(1 << 16):
            writer.write(part)
            await writer.drain()
    writer.close()


async def _serve(listen: str, port: int, server_port: int, files: list[str]) -> None:
    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, there = await asyncio.open_connection("127.0.0.1", server_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_copy(reader, there), _copy(back, writer))

    context = None
    if files:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*files)
    server = await asyncio.start_server(passed, listen, port, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    _, address, own, behind, *certificate = sys.argv
    asyncio.run(_serve(address, int(own), int(behind), certificate))
