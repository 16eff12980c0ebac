// The schema's generated code, for a project that has installed capnp-es beside the package.
import assert from 'node:assert/strict';
import { Message } from 'capnp-es';
import { capnp } from 'ixt-sdk/capnp';
import { IpcEnvelope, IpcEnvelope_MessageType } from 'ixt-sdk/schema/ipc';
import { StreamFrame } from 'ixt-sdk/schema/ipc_streaming';

const frame = new Message();
frame.initRoot(StreamFrame).credit = 7;
const message = new Message();
const envelope = message.initRoot(IpcEnvelope);
envelope.messageType = IpcEnvelope_MessageType.STREAM_FRAME;
const payload = new Uint8Array(frame.toArrayBuffer());
envelope._initPayload(payload.length).copyBuffer(payload);

const read = new Message(message.toArrayBuffer(), false).getRoot(IpcEnvelope);
assert.equal(read.messageType, IpcEnvelope_MessageType.STREAM_FRAME);
const nested = new Message(read.payload.toUint8Array().slice(), false).getRoot(StreamFrame);
assert.equal(nested.credit, 7);

const codec = capnp(StreamFrame);
const [value] = codec.decoder().push(codec.encode((root) => (root.credit = 9)));
assert.equal(value.credit, 9);
