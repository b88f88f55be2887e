"""What Google's and OpenAI's client libraries get from the simulator, claim by claim."""

import base64
import functools
import hashlib
import json
import os
import ssl
import subprocess
import sys
import tempfile
import traceback
import urllib.request

from google import genai
from google.genai import errors, types
from google.oauth2 import service_account
import openai

FLASH = "gemini-3.1-flash-image"
PRO = "gemini-3-pro-image"
OLD = "gemini-2.5-flash-image"
KEY = "simulator-key"

CLAIMS = []


def claim(text):
    def take(function):
        CLAIMS.append((text, function))
        return function

    return take


class Simulator:
    """The built simulator as a process that ends with this one."""

    def __init__(self, program, *options):
        self.process = subprocess.Popen(
            [program, "--exit-with-stdin", "--key", KEY, "--key", "other-key@other-project", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.process.stdout.readline())
        self.origin, self.control, self.ca = ready["vertex"], ready["control"], ready["ca"]
        self.openai = ready["openai"]

    def ask(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control + path, data=data, method=method)
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(request, context=context) as answer:
            return json.load(answer)

    def last(self, part):
        """The last request whose path holds a text."""
        return [r for r in self.ask("/requests")["requests"] if part in r["path"]][-1]

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(timeout=30)


# A client that nobody holds closes itself under its own request.
@functools.cache
def client(key=KEY):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=simulator.origin, api_version="v1beta"))


def config(**fields):
    return types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"], **fields)


def small(**fields):
    return config(image_config=types.ImageConfig(image_size="512"), **fields)


def images(answer):
    return [part.inline_data for part in answer.candidates[0].content.parts if part.inline_data]


def sides(data):
    """Width and height of a PNG or JPEG."""
    if data[:4] == b"\x89PNG":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at = 2
    while data[at + 1] not in (0xC0, 0xC2):
        at += 2 + int.from_bytes(data[at + 2:at + 4], "big")
    return int.from_bytes(data[at + 7:at + 9], "big"), int.from_bytes(data[at + 5:at + 7], "big")


def refused(call, status, text):
    try:
        call()
    except errors.APIError as error:
        assert error.code == status and text in str(error), error
        return
    raise AssertionError("not refused")


@claim("google-genai draws a picture of the ratio and size that it asked for")
def _():
    answer = client().models.generate_content(
        model=FLASH, contents="a lighthouse",
        config=config(image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K")))
    (image,) = images(answer)
    assert image.mime_type == "image/jpeg" and sides(image.data) == (2752, 1536)
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.total_token_count == (
        usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count)


@claim("google-genai's controls arrive in the places where the API reads them")
def _():
    client().models.generate_content(
        model=FLASH, contents="a fox",
        config=small(
            seed=7, temperature=0.5, system_instruction="in oils",
            thinking_config=types.ThinkingConfig(thinking_level="HIGH", include_thoughts=True),
            safety_settings=[types.SafetySetting(
                category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_ONLY_HIGH")]))
    body = simulator.last(FLASH)["body"]
    sent = body["generationConfig"]
    assert (sent["seed"], sent["temperature"], sent["imageConfig"]) == (7, 0.5, {"imageSize": "512"}), body
    assert sent["thinkingConfig"] == {"thinkingLevel": "HIGH", "includeThoughts": True} or \
        sent["thinkingConfig"] == {"thinking_level": "HIGH", "include_thoughts": True}, body
    assert body["systemInstruction"]["parts"] == [{"text": "in oils"}], body


@claim("google-genai reads what a search grounded the picture in")
def _():
    search = types.Tool(google_search=types.GoogleSearch(
        search_types=types.SearchTypes(web_search=types.WebSearch(), image_search=types.ImageSearch())))
    answer = client().models.generate_content(model=FLASH, contents="an eclipse", config=small(tools=[search]))
    found = answer.candidates[0].grounding_metadata
    assert found.web_search_queries == ["an eclipse"] and found.search_entry_point.rendered_content
    assert [bool(chunk.web) for chunk in found.grounding_chunks] == [True, True, False]


@claim("google-genai edits an input image and keeps its ratio")
def _():
    first = images(client().models.generate_content(
        model=FLASH, contents="a bridge", config=config(
            image_config=types.ImageConfig(aspect_ratio="3:2", image_size="512"))))[0]
    answer = client().models.generate_content(
        model=FLASH, contents=[types.Part.from_bytes(data=first.data, mime_type=first.mime_type), "in the snow"],
        config=small())
    assert sides(images(answer)[0].data) == (632, 424)
    part = simulator.last(FLASH)["body"]["contents"][0]["parts"][0]
    kept = part.get("inlineData") or part["inline_data"]
    assert kept["sha256"] == hashlib.sha256(first.data).hexdigest()


@claim("google-genai's chat brings three turns back with signatures that hold")
def _():
    chat = client().chats.create(model=PRO, config=config())
    for turn, text in enumerate(["a cat {sim:{\"answer\":{\"textBefore\":\"Here.\"}}}", "with a hat", "at night"]):
        answer = chat.send_message(text)
        assert all(part.thought_signature for part in answer.candidates[0].content.parts), turn
    body = simulator.last(PRO)["body"]
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user", "model", "user"]


@claim("a turn without its signature, with an altered one or with one of another model is refused in Google's words")
def _():
    def replay(model, change):
        answer = client().models.generate_content(model=FLASH, contents="a dog", config=small())
        turn = answer.candidates[0].content
        change(turn.parts[0])
        client().models.generate_content(model=model, config=config(), contents=[
            types.UserContent("a dog"), turn, types.UserContent("bluer")])

    def drop(part):
        part.thought_signature = None

    def alter(part):
        part.thought_signature = part.thought_signature[:-1] + bytes([part.thought_signature[-1] ^ 1])

    def repaint(part):
        part.inline_data.data = part.inline_data.data[:-40] + b"\0" * 40

    replay(FLASH, lambda part: None)
    refused(lambda: replay(FLASH, drop), 400,
            "Image part is missing a thought_signature in content position 2, part position 1.")
    invalid = "it has an invalid thought signature for content at index 1"
    refused(lambda: replay(FLASH, alter), 400, invalid)
    refused(lambda: replay(FLASH, repaint), 400, invalid)
    refused(lambda: replay(PRO, lambda part: None), 400, invalid)


@claim("google-genai uploads a file of several pieces, lists it, draws with it and deletes it")
def _():
    picture = images(client().models.generate_content(
        model=FLASH, contents="a mountain", config=config(
            image_config=types.ImageConfig(aspect_ratio="9:16", image_size="512"))))[0].data
    # Behind an image's end anything may stand; two pieces of 8 MiB and a rest.
    data = picture + b"\0" * (17 * 1024 * 1024 - len(picture))
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        file.write(data)
        file.flush()
        uploaded = client().files.upload(file=file.name, config={"mime_type": "image/jpeg", "display_name": "m"})
    assert uploaded.state == types.FileState.ACTIVE and uploaded.size_bytes == len(data)
    assert base64.b64decode(uploaded.sha256_hash).decode() == hashlib.sha256(data).hexdigest()
    hours = (uploaded.expiration_time - uploaded.create_time).total_seconds() / 3600
    assert abs(hours - 48) < 0.01, hours
    assert [file.name for file in client().files.list()] == [uploaded.name]
    assert client().files.get(name=uploaded.name).uri == uploaded.uri
    answer = client().models.generate_content(model=FLASH, contents=[uploaded, "in fog"], config=small())
    assert sides(images(answer)[0].data) == (384, 688)
    refused(lambda: client("other-key").models.generate_content(
        model=FLASH, contents=[uploaded, "in fog"], config=small()), 403, "do not have permission to access the File")
    client().files.delete(name=uploaded.name)
    refused(lambda: client().files.get(name=uploaded.name), 403, "may not exist")


@claim("google-genai lists the models, page by page, and asks for one")
def _():
    names = [model.name for model in client().models.list(config={"page_size": 2})]
    assert f"models/{FLASH}" in names and len(names) == len(set(names)) > 2, names
    assert client().models.get(model=PRO).display_name == "Nano Banana Pro"


@claim("google-genai is told what is wrong with a key, a model and a ratio")
def _():
    refused(lambda: client("wrong").models.list(), 400, "API key not valid")
    refused(lambda: client().models.generate_content(model="gemini-0", contents="x"), 404, "is not found")
    refused(lambda: client().models.generate_content(
        model=PRO, contents="x", config=config(image_config=types.ImageConfig(aspect_ratio="1:8"))), 400,
        "aspect_ratio must be one of")


@claim("google-genai draws on Vertex with a service account and chooses PNG")
def _():
    account = simulator.ask("/service-account")
    credentials = service_account.Credentials.from_service_account_info(
        account, scopes=["https://www.googleapis.com/auth/cloud-platform"])
    vertex = genai.Client(
        vertexai=True, project=account["project_id"], location="global", credentials=credentials,
        http_options=types.HttpOptions(base_url=simulator.origin))
    answer = vertex.models.generate_content(
        model=FLASH, contents="a harbour", config=config(image_config=types.ImageConfig(
            image_size="1K", output_mime_type="image/png", person_generation="ALLOW_ADULT")))
    assert images(answer)[0].data[:4] == b"\x89PNG"
    assert answer.usage_metadata.traffic_type == types.TrafficType.ON_DEMAND and answer.create_time
    claims = simulator.last("/token")["body"]["claims"]
    assert claims["iss"] == account["client_email"] and claims["aud"] == "https://oauth2.googleapis.com/token"
    stranger = genai.Client(
        vertexai=True, project="somebody-elses", location="global", credentials=credentials,
        http_options=types.HttpOptions(base_url=simulator.origin))
    refused(lambda: stranger.models.generate_content(model=FLASH, contents="x"), 403, "aiplatform.endpoints.predict")


@claim("google-genai draws on Vertex with an express key")
def _():
    express = genai.Client(
        vertexai=True, api_key="simulator-express-key", http_options=types.HttpOptions(base_url=simulator.origin))
    assert images(express.models.generate_content(model=FLASH, contents="a kite", config=config()))


@claim("openai draws two pictures, and what the route does not know is passed over")
def _():
    compatible = openai.OpenAI(api_key=KEY, base_url=simulator.openai)
    answer = compatible.images.generate(
        model=OLD, prompt="a whale", n=2, response_format="b64_json", size="1024x1024", quality="high")
    pictures = [base64.b64decode(image.b64_json) for image in answer.data]
    assert [sides(picture) for picture in pictures] == [(1024, 1024)] * 2 and pictures[0] != pictures[1]
    assert simulator.last("images/generations")["credential"] == "bearer"


@claim("openai hears 404 for the models that the compatible route does not serve")
def _():
    compatible = openai.OpenAI(api_key=KEY, base_url=simulator.openai, max_retries=0)
    try:
        compatible.images.generate(model=FLASH, prompt="x")
    except openai.NotFoundError as error:
        assert "is not found for API version v1main, or is not supported for predict" in str(error), error
        return
    raise AssertionError("not refused")


@claim("openai lists the models")
def _():
    compatible = openai.OpenAI(api_key=KEY, base_url=simulator.openai)
    assert f"models/{FLASH}" in [model.id for model in compatible.models.list()]


@claim("google-genai hears a limit with the delay after which there is room")
def _():
    simulator.ask("/quota", {"models": {FLASH: {"rpm": 2}}})
    for _ in range(2):
        client().models.generate_content(model=FLASH, contents="a", config=small())
    try:
        client().models.generate_content(model=FLASH, contents="a", config=small())
        raise AssertionError("not refused")
    except errors.ClientError as error:
        details = {detail["@type"].rsplit(".", 1)[-1]: detail for detail in error.details["error"]["details"]}
        violation = details["QuotaFailure"]["violations"][0]
        assert error.code == 429 and violation["quotaValue"] == "2", error
        assert violation["quotaId"] == "GenerateRequestsPerMinutePerProjectPerModel"
        assert 0 < float(details["RetryInfo"]["retryDelay"].rstrip("s")) <= 60
    counted = simulator.ask("/quota")
    assert (counted["sent"], counted["accepted"], counted["refused"]["rpm"]) == (3, 2, 1), counted
    simulator.ask("/quota", method="DELETE")


simulator = Simulator(sys.argv[1])
# The libraries take the authority to trust from here, both kinds of HTTP client.
os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = simulator.ca
failed = 0
for text, function in CLAIMS:
    try:
        function()
        print(f"ok: {text}", flush=True)
    except Exception as error:  # every claim is tried, whatever the one before it met
        failed += 1
        line = traceback.extract_tb(error.__traceback__)[-1]
        print(f"FAILED: {text}: {type(error).__name__} in line {line.lineno}, {line.line}: {str(error)[:600]}", flush=True)
if simulator.stop() != 0:
    failed += 1
    print("FAILED: the simulator ends in order", flush=True)
sys.exit(1 if failed else 0)
