"""A Django application in one file: POST /remind calls a number and speaks.

Run: gunicorn reminder_django:application
"""

import json
from functools import cache

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from anyrelay.sync import DialFailed, PhoneDevice, RelayClient

OWN_NUMBER = "+15551230000"


@cache
def relay() -> RelayClient:
    """Return the client of this process, connected at the first request."""
    client = RelayClient()
    client.connect()
    return client


@require_POST
def remind(request: HttpRequest) -> JsonResponse:
    """Call a number, and speak a text."""
    wanted = json.loads(request.body)
    device = PhoneDevice(to_number=wanted["number"], from_number=OWN_NUMBER)
    try:
        call = relay().dial([[device]], dial_timeout=30)
    except DialFailed as error:
        return JsonResponse({"error": error.message}, status=502)
    call.play_tts(wanted["text"]).wait()
    call.hangup()
    return JsonResponse({"call_id": call.call_id})


urlpatterns = [path("remind", remind)]
settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"], ROOT_URLCONF=__name__
)
application = get_wsgi_application()
