// One connection to the log for all open pages: a browser has few to one host, and each page would hold one of them. Runs as
// a shared worker. A page says behind which position it was drawn; it gets every record after that, or is told that it
// missed some and should draw itself anew.
const MOST_KEPT = 1000;
const ports = new Set();
let events = null;
let kept = [];
let keptAfter = 0;

const tell = (message) => ports.forEach((port) => port.postMessage(message));

function forget(after) {
  kept = [];
  keptAfter = after;
}

function open(after) {
  forget(after);
  events = new EventSource(`/v1/events?after=${after}`);
  events.addEventListener("record", ({ data, lastEventId }) => {
    const { type, action } = JSON.parse(data);
    const message = { position: Number(lastEventId), type, action };
    kept.push(message);
    if (kept.length > MOST_KEPT) keptAfter = kept.shift().position;
    tell(message);
  });
  events.addEventListener("error", () => {
    // Whoever signs in next may see other things than whoever was signed in.
    forget(kept.at(-1)?.position ?? keptAfter);
    // Refused for good, as when the session is over.
    if (events.readyState === EventSource.CLOSED) events = null;
  });
}

self.addEventListener("connect", ({ ports: [port] }) => {
  port.onmessage = ({ data: { after, leave } }) => {
    if (leave) {
      ports.delete(port);
      if (ports.size === 0) {
        events?.close();
        events = null;
      }
      return;
    }
    ports.add(port);
    if (!events) open(after);
    if (after < keptAfter) port.postMessage({ missed: true });
    for (const message of kept) if (message.position > after) port.postMessage(message);
    port.postMessage({ following: true });
  };
});
