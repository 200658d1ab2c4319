"""What arrives at the server is exactly what was approved, and what the server says arrives exactly."""

from checks import ECHO, Wire, check, finish, gated

# As a client writes it, and as it must arrive (the canonical form: docs/evidence-format.md).
VALUES = [
    ("12345678901234567890123", "12345678901234567890123"),
    ("9007199254740993", "9007199254740993"),
    ("9223372036854775807", "9223372036854775807"),
    ("-18446744073709551616", "-18446744073709551616"),
    ("1e400", "1e+400"),
    ("-0", "0"),
    ("0.1", "0.1"),
    ("1.50", "1.5"),
    ('"\\ud83d\\ude00 \\u00e9"', '"\U0001f600 \u00e9"'),
    ('{"b":1,"a":[null,true]}', '{"a":[null,true],"b":1}'),
    ("[" * 60 + "]" * 60, "[" * 60 + "]" * 60),
]

BAD = [
    ("a name twice", '{"to":"a","to":"b"}'),
    ("a lone surrogate", '{"x":"\\ud800"}'),
    ("too deep", '{"x":' + "[" * 80 + "]" * 80 + "}"),
    ("an exponent out of bounds", '{"x":1e10000}'),
    ("no JSON", '{"x":NaN}'),
]


def call(number, arguments, more=""):
    return ('{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":%s%s}}'
            % (number, arguments, more))


def arrived(answer):
    return answer["result"]["content"][0]["text"] if "result" in answer else answer


def main():
    wire = Wire(gated("echo", ECHO))
    for number, (written, expected) in enumerate(VALUES):
        wire.say(call(number, '{"v":%s}' % written))
        seen = arrived(wire.hear())
        want = ('{"id":%d,"jsonrpc":"2.0","method":"tools/call","params":{"arguments":{"v":%s},"name":"echo"}}'
                % (number, expected))
        check(f"{written[:40]} arrives as {expected[:40]}", seen == want, seen)
    wire.say(call(50, "{}", ',"vendor":{"n":1e400},"_meta":{"vendor/k":1,"progressToken":7,"callId":"c"}'))
    seen = arrived(wire.hear())
    good = '"_meta":{"callId":"c","progressToken":7,"vendor/k":1}' in seen and '"vendor":{"n":1e+400}' in seen
    check("fields of vendors and transport arrive", good, seen)
    wire.say('{"jsonrpc":"2.0","id":51,"method":"tools/call","params":{"name":"exact"}}')
    seen = wire.hear_line()
    exact = ('{"big":12345678901234567890123,"exponent":1e+400,"id64":9223372036854775807,"pair":"\U0001f600",'
             '"vendor/x":[1.5]}')
    check("what the server says arrives exactly", exact in seen and '"vendorTop":{"n":1e+400}' in seen, seen)
    wire.say('{"jsonrpc":"2.0","id":52,"method":"tools/list"}')
    tool = wire.hear()["result"]["tools"][0]
    kept = tool["vendorTool"] == [1] and tool["annotations"]["vendorHint"] == 7
    check("definitions pass through whole", kept, tool)
    for name, arguments in BAD:
        wire.say(call(60, arguments))
        seen = wire.hear()
        check(f"refused: {name}", seen.get("id") == 60 and seen.get("error", {}).get("code") == -32700, seen)
    wire.say(b"[" + call(61, "{}").encode() + b"]")
    seen = wire.hear()
    check("refused: a batch", seen.get("error", {}).get("code") == -32600, seen)
    wire.say(call(62, "{}").encode().replace(b'"echo"', b'"ec\xffho"'))
    seen = wire.hear()
    check("refused: bytes that are not UTF-8", seen.get("error", {}).get("code") == -32700, seen)
    wire.say(call(63, '{"v":1}'))
    check("and the connection still works", '"v":1' in str(arrived(wire.hear())))
    check("the server's exit status is passed on", wire.close() == 0)
    finish()


main()
