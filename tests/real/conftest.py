"""Real threads, real processes, the real clock: bounds here are generous, and every wait has one."""

import pytest

pytestmark = pytest.mark.real


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param
