//! The published log, as any tile client reads it.

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
