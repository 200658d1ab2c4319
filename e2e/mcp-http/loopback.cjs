// Preloaded into servers that would listen on every interface: they listen on loopback.
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (place, ...rest) {
  if (typeof place !== "number" && typeof place !== "string") return listen.call(this, place, ...rest);
  return listen.call(this, place, "127.0.0.1", ...rest.filter((one) => typeof one === "function"));
};
