"""What a user of the official openai client does, against a running Samovar: `openai_client.py ADDRESS KEY`.

Ends with `all good`, or at the first thing that is not. Needs only the demo models.
"""

import base64
import json
import pathlib
import struct
import sys
import urllib.request
import zlib

import openai

ADDRESS, KEY = sys.argv[1:]
client = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key=KEY, max_retries=0, timeout=120)


def check(name, fact):
    if not fact:
        sys.exit(f"FAILED: {name}")
    print(f"ok: {name}", flush=True)


def chunks(png):
    """(kind, bytes) of every chunk."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n", png[:40]
    at = 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length


def size(png):
    return struct.unpack(">II", dict(chunks(png))[b"IHDR"][:8])


def texts(png):
    """The iTXt fields."""
    found = {}
    for kind, data in chunks(png):
        if kind == b"iTXt":
            key, rest = data.split(b"\0", 1)
            _language, _translated, text = rest[2:].split(b"\0", 2)
            found[key.decode()] = (zlib.decompress(text) if rest[0] else text).decode()
    return found


def png(width, height, pixel):
    """An RGBA picture; `pixel(x, y)` gives four bytes."""
    rows = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def refused(name, kind, code, call):
    try:
        call()
    except kind as error:
        check(f"{name}: {type(error).__name__} {error.status_code} {error.code}: {error.body['message']}", error.code == code)
        return error
    sys.exit(f"FAILED: {name} was not refused")


def decoded(image):
    return base64.b64decode(image.b64_json)


def models():
    names = [model.id for model in client.models.list()]
    check(f"models.list has the demo model: {names}", "demo" in names)
    check("models.retrieve", client.models.retrieve("demo").owned_by == "local")


def generations():
    answer = client.images.generate(prompt="red apple", size="128x128", n=2, response_format="b64_json", extra_body={"seed": 7})
    first, second = map(decoded, answer.data)
    check("n=2 gives two pictures", len(answer.data) == 2 and first != second)
    check("each of the size asked", size(first) == size(second) == (128, 128))
    check("with seeds that follow each other", [image.seed for image in answer.data] == [7, 8])
    check("made by the demo model", {(i.provider, i.model) for i in answer.data} == {("local", "demo")})
    told = texts(first)
    check(f"the file tells what draws it again: {told}", told["prompt"] == "red apple" and told["seed"] == "7")
    again = client.images.generate(prompt="red apple", size="128x128", response_format="b64_json", extra_body={"seed": 8})
    check("the second picture drawn alone is the same", decoded(again.data[0]) == second)
    answer = client.images.generate(model="demo", prompt="кошка", size="128x64", response_format="url")
    with urllib.request.urlopen(answer.data[0].url) as link:
        check("a url needs no key and is a picture", size(link.read()) == (128, 64))
    answer = client.images.generate(prompt="tree", size="auto", quality="high", background="auto", output_format="png", user="me")
    check("what OpenAI's models know and ours do not is ignored", size(decoded(answer.data[0])) == (128, 128))


def edits():
    picture = png(128, 128, lambda x, y: (255, 255, 255, 255))
    mask = png(128, 128, lambda x, y: (0, 0, 0, 0 if x < 64 else 255))
    answer = client.images.edit(image=("a.png", picture), mask=("m.png", mask), prompt="red apple", response_format="b64_json")
    check("an edit with a mask keeps the size", size(decoded(answer.data[0])) == (128, 128))
    answer = client.images.edit(image=[("a.png", picture)], prompt="red apple", n=2, size="64x64", response_format="b64_json")
    check("an edit without a mask, as image[]", [size(decoded(i)) for i in answer.data] == [(64, 64)] * 2)
    if hasattr(client.images, "create_variation"):
        answer = client.images.create_variation(image=("a.png", picture), n=1, response_format="url")
        check("a variation", answer.data[0].url.startswith(ADDRESS))


CLIPS = pathlib.Path(__file__).parent / "data" / "speech"


def speech():
    said = {name: clip["text"] for name, clip in json.loads((CLIPS / "expected.json").read_text()).items()}
    ear = client.audio.transcriptions

    def heard(name, **how):
        return ear.create(model="demo-whisper", file=CLIPS / name, **how)

    answer = heard("ru-date.ogg")
    check(f"a voice note is written down: {answer.text}", answer.text == said["ru-date"])
    check(f"by the demo model, which says so: {answer.notice}", "scripts/fetch_models.sh" in answer.notice)
    check("an MP3 as text", heard("en-modern.mp3", response_format="text").strip() == said["en-modern"])
    whole = heard("ru-deepspeech.ogg", response_format="verbose_json", timestamp_granularities=["word", "segment"], language="ru", temperature=0)
    check(f"with language and length: {whole.language}, {whole.duration} s", whole.language == "russian" and 5.5 < whole.duration < 5.8)
    check("with segments", "".join(part.text for part in whole.segments).strip() == said["ru-deepspeech"] and whole.segments[0].avg_logprob < 0)
    check(f"with words: {[(word.word, word.start) for word in whole.words]}", " ".join(word.word for word in whole.words) == said["ru-deepspeech"])
    check("as subtitles", heard("ru-lamp-on.ogg", response_format="srt").startswith("1\n00:00:00,") and heard("ru-lamp-on.ogg", response_format="vtt").startswith("WEBVTT"))
    # Three clips in three languages; the demo model takes the last for English unless it is told.
    events = list(heard("concat45.ogg", stream=True, language="fr"))
    deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
    check(f"as a stream of {len(deltas)} parts", len(deltas) == 3 and "".join(deltas) == events[-1].text == said["concat45"])
    english = client.audio.translations.create(model="demo-whisper", file=CLIPS / "ru-forget.ogg", prompt="a hint")
    check(f"a translation: {english.text}", english.text)
    chosen = ear.create(model="", file=CLIPS / "ru-forget.ogg")
    check("without a model the server chooses", chosen.text == said["ru-forget"] and "no model of speech is installed" in chosen.fallback_reason)
    refused("text as a sound", openai.UnprocessableEntityError, "invalid_value", lambda: ear.create(model="demo-whisper", file=("a.ogg", b"text")))
    refused("an empty sound", openai.BadRequestError, "invalid_value", lambda: ear.create(model="demo-whisper", file=("a.ogg", b"")))
    refused("a model that is not there", openai.NotFoundError, "model_not_found", lambda: ear.create(model="whisper-9", file=CLIPS / "ru-date.ogg"))


def errors():
    stranger = openai.OpenAI(base_url=f"{ADDRESS}/v1", api_key="wrong", max_retries=0)
    refused("a wrong key", openai.AuthenticationError, "invalid_api_key", stranger.models.list)
    refused("a model of OpenAI", openai.NotFoundError, "model_not_found", lambda: client.images.generate(model="dall-e-3", prompt="cat"))
    refused("no prompt", openai.BadRequestError, "invalid_value", lambda: client.images.generate(prompt=""))
    error = refused("a size of 7", openai.BadRequestError, "invalid_value", lambda: client.images.generate(prompt="cat", size="7x7"))
    check("which names the field", error.param == "size")
    refused("nine pictures", openai.BadRequestError, "invalid_value", lambda: client.images.generate(prompt="cat", n=9))
    refused("text as a picture", openai.UnprocessableEntityError, "invalid_value", lambda: client.images.edit(image=("a.png", b"text"), prompt="cat"))
    large = ("a.png", b"\0" * 30_000_000)
    refused("30 MB as a picture", openai.APIStatusError, "too_big", lambda: client.images.edit(image=large, prompt="cat"))


def a_full_line():
    """Jobs until the line is full, then a request that has to be turned away; then all of it is cancelled."""
    order = {"task": "image.generate", "input": {"prompt": "cat", "steps": 50, "n": 8}}
    jobs = []
    try:
        for _ in range(1000):
            jobs.append(client.post("/jobs", body=order, cast_to=object)["id"])
    except openai.RateLimitError:
        pass
    error = refused("a full line", openai.RateLimitError, "busy", lambda: client.images.generate(prompt="cat"))
    check("which tells when to come back", int(error.response.headers["retry-after"]) >= 1)
    ends = {client.delete(f"/jobs/{job}", cast_to=object)["status"] for job in reversed(jobs)}
    check(f"jobs can be cancelled: {ends}", "cancelled" in ends and "queued" not in ends)
    answer = client.images.generate(prompt="cat", response_format="b64_json")
    check("and the server goes on", size(decoded(answer.data[0])) == (128, 128))


models()
generations()
edits()
speech()
errors()
a_full_line()
print("all good")
