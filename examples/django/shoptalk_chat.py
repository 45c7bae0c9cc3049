"""The chat's tag for templates of a Django shop: {% load shoptalk_chat %} … {% shoptalk %}.

Copy this file into the directory templatetags of an app, and add its middleware to MIDDLEWARE, after
Django's SessionMiddleware:

    MIDDLEWARE = [..., "shop.templatetags.shoptalk_chat.NoStore"]
    SHOPTALK_URL = "https://chat.example.com"
    SHOPTALK_IDENTITY_SECRET = "…"    # one of identity.secrets of the server
    SHOPTALK_SESSION_SECRET = "…"     # import.session_secret of the server
"""

import base64
import hashlib
import hmac
import json
import time

from django import template
from django.conf import settings
from django.contrib.auth.signals import user_logged_out
from django.utils.html import format_html

register = template.Library()

# How long a page may stay open before its customer opens the chat.
IDENTITY_SECONDS = 12 * 60 * 60
# Tells the next page, in shoptalk-identify.js, to forget the customer who has signed out.
SIGNED_OUT = "shoptalk_signed_out"
SIGNED_OUT_SECONDS = 365 * 24 * 60 * 60


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _hmac(secret, text):
    return _base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


def session_token(session_key):
    """The token with which an anonymous customer goes on in the imported conversation."""
    return _hmac(settings.SHOPTALK_SESSION_SECRET, "django-session:" + session_key)


def identity(user):
    """Who a signed-in customer is. `sub` has to be what import-django was given as --sub."""
    claims = {
        "sub": str(user.pk),
        "exp": int(time.time()) + IDENTITY_SECONDS,
        "name": user.get_full_name(),
        "email": user.email,
    }
    head, body = ({"alg": "HS256", "typ": "JWT"}, claims)
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (head, body))
    return signed + "." + _hmac(settings.SHOPTALK_IDENTITY_SECRET, signed)


@register.simple_tag(takes_context=True)
def shoptalk(context):
    request = context["request"]
    source = settings.SHOPTALK_URL + "/widget.js"
    script = settings.STATIC_URL + "shoptalk-identify.js"
    if request.user.is_authenticated:
        request.shoptalk_is_private = True
        return format_html(
            '<script async src="{}"></script>'
            '<script src="{}" data-identity="{}"></script>',
            source,
            script,
            identity(request.user),
        )
    if request.session.session_key:
        request.shoptalk_is_private = True
        return format_html(
            '<script async src="{}" data-token="{}"></script><script src="{}"></script>',
            source,
            session_token(request.session.session_key),
            script,
        )
    return format_html(
        '<script async src="{}"></script><script src="{}"></script>', source, script
    )


def _remember_sign_out(request=None, **_):
    if request is not None:
        request.shoptalk_signed_out = True


user_logged_out.connect(_remember_sign_out, dispatch_uid="shoptalk")


class NoStore:
    """Keeps pages with a token or an identity out of every cache, and marks a sign-out."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if getattr(request, "shoptalk_is_private", False):
            response["Cache-Control"] = "private, no-store"
        if getattr(request, "shoptalk_signed_out", False):
            response.set_cookie(
                SIGNED_OUT,
                "1",
                max_age=SIGNED_OUT_SECONDS,
                secure=request.is_secure(),
                samesite="Lax",
            )
        return response
