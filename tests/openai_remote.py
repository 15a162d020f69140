"""What a user of the official openai client gets where providers elsewhere answer: `openai_remote.py ADDRESS KEY`.

Ends with `all good`, or at the first thing that is not. The server has a key of (a stand-in for) OpenAI and one of
Yandex; its own models are not asked.
"""

import base64
import sys

import openai

ADDRESS, KEY = sys.argv[1:]
client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0, timeout=120)
PNG = b"\x89PNG\r\n\x1a\n"


def check(name, fact):
    if not fact:
        sys.exit(f"FAILED: {name}")
    print(f"ok: {name}", flush=True)


names = {model.id: model.owned_by for model in client.models.list()}
check("models of the providers are listed", {"openai", "yandex", "local"} <= set(names.values()))

today = next(name for name, owner in names.items() if owner == "openai" and name.startswith("gpt-image"))
answer = client.images.generate(prompt="a red apple", model=today)
image = answer.data[0]
check("a picture by the model named", base64.b64decode(image.b64_json).startswith(PNG))
check("it says who drew it", (image.model_extra["provider"], image.model_extra["model"]) == ("openai", today))

image = client.images.generate(prompt="a red apple", model="dall-e-3").data[0]
check("a retired name is today's, and says so", "dall-e-3" in image.model_extra["notice"])

image = client.images.generate(prompt="красное яблоко", extra_body={"provider": "yandex"}).data[0]
check("a provider is asked by name", image.model_extra["provider"] == "yandex")

png = base64.b64decode(image.b64_json)
edited = client.images.edit(
    image=[("a.png", png, "image/png"), ("b.png", png, "image/png")],
    prompt="the first in the style of the second",
    extra_body={"provider": "openai"},
).data[0]
check("two pictures make one", base64.b64decode(edited.b64_json).startswith(PNG))

speech = client.audio.speech.create(model="tts-1", voice="alloy", input="Добрый день!")
check("speech is sound", speech.read()[:4] in (b"ID3\x04", b"RIFF", b"OggS", b"fLaC") or len(speech.content) > 10)
check("speech says who spoke", speech.response.headers["x-samovar-provider"] == "openai")

try:
    client.images.generate(prompt="a red apple", extra_body={"provider": "fal"})
    check("a provider without a key is refused", False)
except openai.NotFoundError as refusal:
    check("a provider without a key is refused by name", "fal" in str(refusal))

print("all good")
