//! Packed bundles: streams of several encoders, and what differs from a packed bundle in one thing.

use countersign_evidence::json::Value;
use countersign_tlog::{encode_bundle, pack, unpack};
use flate2::Crc;

use super::{case, encode, lines};

const HEADER: [u8; 16] = [0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 8, 0, b'C', b'S', 4, 0];
/// Of zlib at its highest level, over the two entries of [`bundle`].
const BY_ZLIB: [u8; 28] = [
    0x63, 0x10, 0xaa, 0x56, 0x2a, 0x53, 0xb2, 0x32, 0xd4, 0x51, 0x2a, 0xa9, 0x2c, 0x48, 0x55, 0xb2, 0x52, 0x4a, 0x54,
    0xaa, 0x65, 0x40, 0x17, 0x4b, 0x52, 0xaa, 0x05, 0x00,
];

pub(super) fn file() -> Vec<u8> {
    let bundle = bundle();
    let accept = [
        ("deflate blocks without compression", by_blocks(&bundle)),
        ("a stream of zlib", packed(&BY_ZLIB, &bundle)),
        ("no entry", by_blocks(&[])),
    ];
    let accept = accept.map(|(what, packed)| {
        let unpacked = unpack(&packed).unwrap();
        case([
            ("bundle", Value::from(encode(&unpacked))),
            ("packed", Value::from(encode(&packed))),
            ("what", Value::from(what)),
        ])
    });
    let reject = rejected(&bundle).map(|(why, packed)| {
        assert!(unpack(&packed).is_err(), "{why}");
        case([("packed", Value::from(encode(&packed))), ("why", Value::from(why))])
    });
    lines(&case([("accept", Value::from(accept.to_vec())), ("reject", Value::from(reject.to_vec()))]))
}

fn bundle() -> Vec<u8> {
    let bundle = encode_bundle(&[r#"{"v":1,"type":"a"}"#, r#"{"v":1,"type":"b"}"#]).unwrap();
    assert_eq!(unpack(&pack(&bundle).unwrap()).unwrap(), bundle);
    bundle
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// RFC 1951, section 3.2.4: blocks of at most 65,535 bytes, which are the same whatever encoder there is.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut blocks: Vec<&[u8]> = bytes.chunks(usize::from(u16::MAX)).collect();
    let last = blocks.pop().unwrap_or_default();
    let block = |last: bool, bytes: &[u8]| {
        let length = bytes.len() as u16;
        [&[u8::from(last)][..], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes].concat()
    };
    blocks.into_iter().map(|bytes| block(false, bytes)).chain([block(true, last)]).flatten().collect()
}

/// A bundle packed in the one way that no encoder changes.
pub(super) fn by_blocks(bundle: &[u8]) -> Vec<u8> {
    packed(&stored(bundle), bundle)
}

fn packed(stream: &[u8], bundle: &[u8]) -> Vec<u8> {
    with_end(stream, crc(bundle), bundle.len() as u32)
}

fn with_end(stream: &[u8], content: [u8; 4], length: u32) -> Vec<u8> {
    whole(&HEADER, &[stream, &content, &length.to_le_bytes()].concat())
}

fn whole(header: &[u8], rest: &[u8]) -> Vec<u8> {
    [header, &crc(rest), rest].concat()
}

fn rejected(bundle: &[u8]) -> [(&'static str, Vec<u8>); 14] {
    let good = packed(&BY_ZLIB, bundle);
    let rest = &good[20..];
    let header = |at: usize, byte: u8| {
        let mut header = HEADER;
        header[at] = byte;
        whole(&header, rest)
    };
    let mut spare = BY_ZLIB.to_vec();
    // The last bits of the last byte mean nothing to a decoder: the checksum finds them all the same.
    spare[27] |= 0x80;
    let plain = [&HEADER[..3], &[0], &HEADER[4..10], rest].concat();
    [
        ("nothing", Vec::new()),
        ("the header alone", HEADER.to_vec()),
        ("gzip without the field CS", plain),
        ("a time in the header", header(4, 1)),
        ("another system in the header", header(9, 3)),
        ("another name of the field", header(13, b'T')),
        ("a byte of the stream changed after it was packed", [&good[..20], &spare, &rest[28..]].concat()),
        ("another checksum of the content", with_end(&BY_ZLIB, crc(b"other"), 40)),
        ("another length of the content", with_end(&BY_ZLIB, crc(bundle), 41)),
        ("a length beyond any bundle", with_end(&BY_ZLIB, crc(bundle), 16_777_473)),
        ("a stream that does not end", packed(&BY_ZLIB[..24], bundle)),
        ("a byte between the stream and its end", packed(&[&BY_ZLIB[..], &[0]].concat(), bundle)),
        ("a byte after the end", [&good[..], &[0]].concat()),
        ("two of them", [&good[..], &good].concat()),
    ]
}
