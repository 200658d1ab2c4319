//! The published log, as any tile client reads it.

use std::io::Read;

use countersign_http::Peer;
use countersign_tlog::{Checkpoint, Level, Note, Tile, decode_bundle};

use crate::house::{Ask, House};

#[tokio::test]
async fn checkpoint_and_tiles_are_served_to_anyone_as_the_spec_says() {
    let house = House::new().await;
    let told = house.ask(Ask::get("/log/checkpoint").peer(Peer::Remote)).await;
    assert_eq!(told.problem(), "not_found", "nothing is published yet");
    house.publish().await;
    let told = house.ask(Ask::get("/log/checkpoint").peer(Peer::Remote)).await;
    assert_eq!((told.status, told.header("content-type")), (200, "text/plain; charset=utf-8"));
    let note = Note::parse(&told.body).unwrap();
    let tree = Checkpoint::parse(note.text()).unwrap();
    assert!(tree.size() > 3);
    for level in [Level::Entries, Level::Hashes(0)] {
        let tile = Tile::in_tree(level, 0, tree.size()).unwrap();
        let told = house.ask(Ask::get(&format!("/log/{tile}")).peer(Peer::Remote)).await;
        assert_eq!((told.status, told.header("content-type")), (200, "application/octet-stream"), "{tile}");
        assert_eq!(told.header("cache-control"), "public, max-age=60", "a partial tile");
        match level {
            Level::Entries => assert_eq!(decode_bundle(&told.body, tile.width()).unwrap().len(), tree.size() as usize),
            Level::Hashes(_) => assert_eq!(told.body.len(), 32 * tree.size() as usize),
        }
    }
}

#[tokio::test]
async fn a_full_bundle_comes_in_gzip_to_whoever_accepts_it() {
    let house = House::new().await;
    for n in 0..90 {
        house.ask(house.refund(&format!("many-{n}"), 10).key(&house.agent)).await.good();
    }
    house.publish().await;
    let bundle = "/log/tile/entries/000";
    let plain = house.ask(Ask::get(bundle).peer(Peer::Remote)).await;
    assert_eq!((plain.status, plain.headers.get("content-encoding")), (200, None));
    assert_eq!((plain.header("vary"), decode_bundle(&plain.body, 256).unwrap().len()), ("accept-encoding", 256));
    for refused in ["br", "gzip;q=0", "gzip; q=0.000", "gzip;Q=0", "gzipped"] {
        let told = house.ask(Ask::get(bundle).peer(Peer::Remote).header("accept-encoding", refused)).await;
        assert_eq!((told.headers.get("content-encoding"), &told.body), (None, &plain.body), "{refused}");
    }
    for accepted in ["gzip", "br, GZIP;q=0.5", "deflate,gzip"] {
        let told = house.ask(Ask::get(bundle).peer(Peer::Remote).header("accept-encoding", accepted)).await;
        assert_eq!((told.header("content-encoding"), told.header("vary")), ("gzip", "accept-encoding"), "{accepted}");
        let mut read = Vec::new();
        flate2::read::GzDecoder::new(&told.body[..]).read_to_end(&mut read).unwrap();
        assert_eq!(read, plain.body, "{accepted}");
    }
    // Hashes and partial tiles are not packed.
    for path in ["/log/tile/0/000", "/log/tile/1/000.p/1"] {
        let told = house.ask(Ask::get(path).peer(Peer::Remote).header("accept-encoding", "gzip")).await;
        assert_eq!((told.status, told.headers.get("content-encoding"), told.headers.get("vary")), (200, None, None));
    }
}

#[tokio::test]
async fn a_proof_of_a_record_is_served() {
    let house = House::new().await;
    house.publish().await;
    let told = house.ask(Ask::get("/v1/records/0/proof").key(&house.auditor)).await;
    assert_eq!(told.status, 200);
    assert!(told.text().starts_with("c2sp.org/tlog-proof"), "{}", told.text());
    assert_eq!(house.ask(Ask::get("/v1/records/0/proof").key(&house.agent)).await.problem(), "forbidden");
}

#[tokio::test]
async fn nothing_but_tiles_is_served() {
    let house = House::new().await;
    house.publish().await;
    let elsewhere = [
        "/log/vault/000.p/5",
        "/log/tile/../vault/000",
        "/log/tile/%2e%2e/vault/000",
        "/log/tile/0/../../checkpoint",
        "/log/tile/0/000.p/0",
        "/log/tile/0/000.p/256",
        "/log/tile/0/0",
        "/log/tile/00/000",
        "/log/tile/0/x000/000",
        "/log/tile/entries/999.p/3",
        "/log/tile//0/000",
        "/log/tile/0%2f000",
        "/log/tile/",
        "/log/tile",
        "/log/",
    ];
    for path in elsewhere {
        let told = house.ask(Ask::get(path).peer(Peer::Remote)).await;
        assert_eq!(told.status, 404, "{path}: {}", told.text());
        assert!(["not_found", "no_such_route"].contains(&told.problem().as_str()), "{path}");
    }
}
