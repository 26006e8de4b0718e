"""Confluent's own serializers over a pipe: a request per line of stdin, an answer per line of stdout.

{"kind": "avro" | "json" | "protobuf", "topic": ..., "schema": ..., "value": ...} → {"record": <base64>} or {"error": ...}
{"kind": "deserialize", "topic": ..., "record": <base64>} → {"value": ...} or {"error": ...}, of Avro
"""

import base64
import json
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

settings = json.loads(sys.argv[1])
client = SchemaRegistryClient(settings)


def with_bytes(value):
    """Bytes are written as {"$hex": ...}, decimals as {"$decimal": ...}."""
    if isinstance(value, dict):
        if set(value) == {"$hex"}:
            return bytes.fromhex(value["$hex"])
        if set(value) == {"$decimal"}:
            import decimal

            return decimal.Decimal(value["$decimal"])
        return {key: with_bytes(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_bytes(inner) for inner in value]
    return value


def protobuf(request, context):
    """The message that "message" names, of a file that protoc compiles."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**request.get("imports", {}), "main.proto": request["schema"]}.items():
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)
        out = f"{folder}/set"
        command = ["protoc", f"-I{folder}", "--include_imports", f"--descriptor_set_out={out}", f"{folder}/main.proto"]
        subprocess.run(command, check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(open(out, "rb").read()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(request["message"]))
    serializer = ProtobufSerializer(message, client, {"use.deprecated.format": False})
    return serializer(json_format.ParseDict(request["value"], message()), context)


def serialize(request):
    context = SerializationContext(request["topic"], MessageField.VALUE)
    value = with_bytes(request["value"])
    if request["kind"] == "avro":
        return AvroSerializer(client, request["schema"])(value, context)
    if request["kind"] == "protobuf":
        return protobuf(request, context)
    return JSONSerializer(request["schema"], client)(value, context)


def answer_to(request):
    if request["kind"] != "deserialize":
        return {"record": base64.b64encode(serialize(request)).decode()}
    context = SerializationContext(request["topic"], MessageField.VALUE)
    return {"value": AvroDeserializer(client)(base64.b64decode(request["record"]), context)}


for line in sys.stdin:
    try:
        answer = answer_to(json.loads(line))
    except Exception as error:  # the test shows it
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
