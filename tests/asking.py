"""A browser without a screen, for the tests of pages: it asks an ASGI application in this process."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx


class Client:
    """Keeps cookies, follows no redirect, and turns an error of the application into its status 500."""

    def __init__(self, app, origin, *, headers=None):
        self._app, self._origin, self._headers = app, origin, headers or {}
        self.cookies = httpx.Cookies()

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, **options):
        return self.ask("POST", path, **options)

    def ask(self, method, path, *, headers=None, **options):
        async def once():
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self._origin, cookies=self.cookies) as client:
                response = await client.request(method, path, headers={**self._headers, **(headers or {})}, **options)
            self.cookies = client.cookies
            return response

        # Playwright keeps a loop running in the thread of its test, where another must not begin.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: asyncio.run(once())).result()
