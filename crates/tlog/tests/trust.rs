//! Trust files and portable proofs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::convert::Infallible;

use countersign_tlog::{
    Checkpoint, CheckpointError, Cosigner, Frontier, KeyError, Note, NoteError, ProofError, Quorum, RightEdge, Signer,
    TileError, TileReader, TlogProof, TlogProofError, TrustError, TrustFile, TrustFileProblem, encode_hashes,
    leaf_hash,
};
use proptest::prelude::*;

const ORIGIN: &str = "log.example/1";

fn log() -> Signer {
    Signer::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn witness(number: u8) -> Cosigner {
    Cosigner::from_seed(&format!("w{number}.example"), &[100 + number; 32]).unwrap()
}

fn trust(lines: &str) -> TrustFile {
    let witnesses: String = (1..=6).map(|n| format!("witness W{n} {}\n", witness(n).verifier())).collect();
    TrustFile::parse(format!("log {} https://log.example/\n{witnesses}{lines}\n", log().verifier()).as_bytes()).unwrap()
}

fn cosigned(checkpoint: &Checkpoint, witnesses: &[u8]) -> Note {
    let mut note = checkpoint.sign(&log()).unwrap();
    for number in witnesses {
        note.add(witness(*number).cosign(note.text(), 1_000 + u64::from(*number)).unwrap()).unwrap();
    }
    note
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new(ORIGIN, 1, leaf_hash(b"x")).unwrap()
}

#[test]
fn quorums_count_what_they_should() {
    let nested = "group X 2 W1 W2 W3\ngroup Y any W4 W5 W6\ngroup X-and-Y all X Y\nquorum X-and-Y";
    for (lines, witnesses, expected) in [
        ("quorum none", &[][..], Quorum::NotRequired),
        ("quorum W1", &[1], Quorum::Met),
        ("quorum W1", &[2, 3], Quorum::NotMet),
        (nested, &[1, 2, 4], Quorum::Met),
        (nested, &[1, 3, 5, 6], Quorum::Met),
        (nested, &[1, 2, 3], Quorum::NotMet),
        (nested, &[1, 4, 5, 6], Quorum::NotMet),
        (nested, &[], Quorum::NotMet),
        ("group G all W1 W2 W3\nquorum G", &[1, 2, 3], Quorum::Met),
        ("group G all W1 W2 W3\nquorum G", &[1, 3], Quorum::NotMet),
        ("group G 3 W1 W2 W3 W4\nquorum G", &[1, 2, 4], Quorum::Met),
    ] {
        let (trust, note) = (trust(lines), cosigned(&checkpoint(), witnesses));
        let evaluation = trust.evaluate(&note).unwrap();
        assert_eq!(evaluation.quorum, expected, "{lines} {witnesses:?}");
        assert_eq!(trust.require(&note).is_ok(), expected != Quorum::NotMet);
        for (place, seen) in evaluation.witnesses.iter().enumerate() {
            let number = place as u8 + 1;
            assert_eq!(seen.name, format!("W{number}"));
            assert_eq!(seen.cosigned_at, witnesses.contains(&number).then_some(1_000 + u64::from(number)));
        }
        assert_eq!(evaluation.logs, [log().verifier().vkey()]);
    }
}

/// One witness that signs many times, or under many names, counts once.
#[test]
fn a_quorum_cannot_be_filled_by_one_witness() {
    let trust = trust("group G 2 W1 W2\nquorum G");
    let note = cosigned(&checkpoint(), &[1]);
    let more: String = (1..20).map(|time| format!("{}\n", witness(1).cosign(note.text(), time).unwrap())).collect();
    let renamed = Cosigner::from_seed("w2.example", &[101; 32]).unwrap().cosign(note.text(), 5).unwrap();
    let note = Note::parse(format!("{note}{more}{renamed}\n").as_bytes()).unwrap();
    assert_eq!(trust.evaluate(&note).unwrap().quorum, Quorum::NotMet);
}

#[test]
fn checkpoints_that_no_trusted_log_signed_are_refused() {
    let trust = trust("quorum none");
    let stranger = Signer::from_seed(ORIGIN, &[2; 32]).unwrap();
    let forged = checkpoint().sign(&stranger).unwrap();
    assert_eq!(trust.evaluate(&forged), Err(NoteError::NotSigned.into()));
    let only_witnessed = cosigned(&checkpoint(), &[1, 2]).to_string();
    let log_line = cosigned(&checkpoint(), &[]).signatures()[0].to_string();
    let only_witnessed = Note::parse(only_witnessed.replace(&format!("{log_line}\n"), "").as_bytes()).unwrap();
    let refused = CheckpointError::NotByLog(ORIGIN.to_owned());
    assert_eq!(trust.evaluate(&only_witnessed), Err(refused.into()));
    // The log's key under another origin.
    let text = checkpoint().to_string().replace("/1", "/2");
    let mut elsewhere = Note::new(text.clone()).unwrap();
    elsewhere.add(log().sign(&text)).unwrap();
    assert_eq!(trust.evaluate(&elsewhere), Err(CheckpointError::NotByLog("log.example/2".to_owned()).into()));
    // A trusted witness with a wrong signature spoils the whole note, needed or not.
    let other = Checkpoint::new(ORIGIN, 1, leaf_hash(b"y")).unwrap();
    let wrong = witness(1).cosign(&other.to_string(), 7).unwrap();
    let mut note = cosigned(&checkpoint(), &[]);
    note.add(wrong).unwrap();
    assert_eq!(trust.evaluate(&note), Err(NoteError::BadSignature("w1.example".to_owned()).into()));
    let nobody = TrustFile::parse(b"quorum none\n").unwrap();
    assert_eq!(nobody.evaluate(&cosigned(&checkpoint(), &[])), Err(TrustError::NoLogs));
}

#[test]
fn a_log_may_rotate_its_key_under_the_same_name() {
    let next = Signer::from_seed(ORIGIN, &[3; 32]).unwrap();
    let file = format!("log {}\nlog {}\nquorum none\n", log().verifier(), next.verifier());
    let trust = TrustFile::parse(file.as_bytes()).unwrap();
    let mut note = checkpoint().sign(&log()).unwrap();
    assert_eq!(trust.evaluate(&note).unwrap().logs.len(), 1);
    note.add(next.sign(note.text())).unwrap();
    assert_eq!(trust.evaluate(&note).unwrap().logs.len(), 2);
}

#[test]
fn spacing_comments_and_foreign_bytes_are_allowed() {
    let (log, w1, w2) = (log().verifier().vkey(), witness(1).verifier().vkey(), witness(2).verifier().vkey());
    let mut file = format!("# a comment\n\n \t\n\t# another\n  log\t{log} \t https://x/ \nwitness ").into_bytes();
    file.extend_from_slice(b"\xe2\x84\xaa");
    file.extend_from_slice(format!(" {w1}\nwitness K {w2} https://y/#z\nquorum K\ngroup later any K\n").as_bytes());
    let trust = TrustFile::parse(&file).unwrap();
    assert_eq!(trust.witnesses().map(|(name, _)| name).collect::<Vec<_>>(), ["\u{212a}", "K"]);
    assert_eq!(trust.evaluate(&cosigned(&checkpoint(), &[2])).unwrap().quorum, Quorum::Met);
    assert_eq!(trust.evaluate(&cosigned(&checkpoint(), &[1])).unwrap().quorum, Quorum::NotMet);
}

#[test]
fn bad_trust_files_are_refused_with_their_line() {
    use TrustFileProblem as P;
    let (log, w1, w2) = (log().verifier().vkey(), witness(1).verifier().vkey(), witness(2).verifier().vkey());
    let both = format!("witness A {w1}\nwitness B {w2}\n");
    let same_key = Cosigner::from_seed("another.name", &[101; 32]).unwrap().verifier().vkey();
    let log_key_as_witness = Cosigner::from_seed("w", &[1; 32]).unwrap().verifier().vkey();
    let words = |text: &'static str| P::Words(text);
    for (file, line, problem) in [
        (String::new(), 1, P::NoQuorum),
        (format!("log {log}\n"), 2, P::NoQuorum),
        ("quorum none".to_owned(), 1, P::NoFinalNewline),
        ("quorum none\nquorum none\n".to_owned(), 2, P::SecondQuorum),
        ("quorum none\r\n".to_owned(), 1, P::ControlCharacter(b'\r')),
        ("quorum none\n#\0\n".to_owned(), 2, P::ControlCharacter(0)),
        ("quorum none\n#\x7f\n".to_owned(), 2, P::ControlCharacter(0x7f)),
        ("quorum\n".to_owned(), 1, words("quorum <name>|none")),
        ("quorum none none\n".to_owned(), 1, words("quorum <name>|none")),
        ("quorum A\n".to_owned(), 1, P::Undefined("A".to_owned())),
        ("Quorum none\n".to_owned(), 1, P::Keyword),
        ("logs x\n".to_owned(), 1, P::Keyword),
        ("log\n".to_owned(), 1, words("log <vkey> [<url>]")),
        (format!("log {log} a b\n"), 1, words("log <vkey> [<url>]")),
        (format!("log {w1}\n"), 1, P::Key(KeyError::WrongType { expected: 1, found: 4 })),
        (format!("witness A {log}\n"), 1, P::Key(KeyError::WrongType { expected: 4, found: 1 })),
        ("log x\n".to_owned(), 1, P::Key(KeyError::Format)),
        (format!("log {log}\nlog {log}\n"), 2, P::DuplicateKey(1)),
        (format!("witness A {w1}\n\nwitness B {same_key}\n"), 3, P::DuplicateKey(1)),
        (format!("log {log}\nwitness A {log_key_as_witness}\n"), 2, P::DuplicateKey(1)),
        (format!("witness A {w1}\nwitness A {w2}\n"), 2, P::NameTaken("A".to_owned())),
        (format!("witness none {w1}\n"), 1, P::NameTaken("none".to_owned())),
        (format!("{both}group A any B\n"), 3, P::NameTaken("A".to_owned())),
        (format!("{both}group G any C\n"), 3, P::Undefined("C".to_owned())),
        (format!("{both}group G any none\n"), 3, P::Undefined("none".to_owned())),
        (format!("{both}group G any G\n"), 3, P::Undefined("G".to_owned())),
        (format!("group G any A\n{both}"), 1, P::Undefined("A".to_owned())),
        (format!("{both}group G any A A\n"), 3, P::MemberTwice("A".to_owned())),
        (format!("{both}group G any A\ngroup H any A B\n"), 4, P::MemberTwice("A".to_owned())),
        (format!("{both}group G 0 A B\n"), 3, P::Threshold),
        (format!("{both}group G 3 A B\n"), 3, P::Threshold),
        (format!("{both}group G 02 A B\n"), 3, P::Threshold),
        (format!("{both}group G most A B\n"), 3, P::Threshold),
        (format!("{both}group G any\n"), 3, words("group <name> all|any|<number> <name>...")),
        ("#".repeat(1024 * 1024 + 1), 1, P::TooLong),
    ] {
        let error = TrustFile::parse(file.as_bytes()).unwrap_err();
        assert_eq!((error.line, error.problem), (line, problem), "{:?}", &file[..file.len().min(100)]);
    }
}

/// A log of 1,000 entries, and the proof for one of them.
fn proven(index: u64) -> (Vec<u8>, TlogProof) {
    let (mut edge, mut tiles) = (RightEdge::new(), std::collections::BTreeMap::new());
    let mut frontier = Frontier::new();
    for number in 0..1_000u64 {
        let leaf = leaf_hash(format!("entry {number}").as_bytes());
        frontier.push(leaf);
        edge.push::<TileError>(leaf, |tile, hashes| {
            tiles.insert(tile, encode_hashes(hashes));
            Ok(())
        })
        .unwrap();
    }
    tiles.extend(edge.partial_tiles().map(|(tile, hashes)| (tile, encode_hashes(hashes))));
    let mut reader = TileReader::new(1_000, edge.root(), |tile| Ok::<_, Infallible>(tiles.get(&tile).cloned()));
    let hashes = reader.prove_inclusion(index).unwrap().1;
    let checkpoint = Checkpoint::new(ORIGIN, 1_000, frontier.root()).unwrap();
    let proof = TlogProof {
        extra: Some(b"note to the reader".to_vec()),
        index,
        hashes,
        checkpoint: cosigned(&checkpoint, &[1]),
    };
    (format!("entry {index}").into_bytes(), proof)
}

#[test]
fn portable_proofs_hold_for_their_entry_alone() {
    let (entry, proof) = proven(765);
    let bytes = proof.to_bytes();
    assert!(bytes.starts_with(b"c2sp.org/tlog-proof@v1\nextra bm90ZSB0byB0aGUgcmVhZGVy\nindex 765\n"));
    let read = TlogProof::parse(&bytes).unwrap();
    assert_eq!(read, proof);
    let evaluation = read.verify(&entry, &trust("quorum W1")).unwrap();
    assert_eq!((evaluation.checkpoint.size(), evaluation.quorum), (1_000, Quorum::Met));

    let strict = trust("group G all W1 W2\nquorum G");
    assert!(matches!(read.verify(&entry, &strict), Err(TlogProofError::Trust(TrustError::Quorum(_)))));
    let trust = trust("quorum none");
    assert_eq!(read.verify(b"entry 766", &trust), Err(ProofError::Root.into()));
    for index in [0, 764, 766, 999] {
        assert!(TlogProof { index, ..proof.clone() }.verify(&entry, &trust).is_err(), "{index}");
    }
    let outside = TlogProof { index: 1_000, ..proof.clone() };
    assert_eq!(outside.verify(&entry, &trust), Err(ProofError::Index { index: 1_000, size: 1_000 }.into()));
    // Nothing vouches for the extra line, so leaving it out changes nothing.
    TlogProof { extra: None, ..proof }.verify(&entry, &trust).unwrap();
}

/// Every changed bit outside the extra line is noticed.
#[test]
fn no_bit_of_a_proof_can_change() {
    let (entry, mut proof) = proven(3);
    proof.extra = None;
    let (bytes, trust) = (proof.to_bytes(), trust("quorum W1"));
    TlogProof::parse(&bytes).unwrap().verify(&entry, &trust).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let result = TlogProof::parse(&changed).and_then(|proof| proof.verify(&entry, &trust));
        assert!(result.is_err(), "bit {bit}");
    }
}

#[test]
fn malformed_proofs_are_refused() {
    let (_, proof) = proven(3);
    let good = proof.to_string();
    let hash = proof.hashes[0].to_string();
    for (bad, error) in [
        (String::new(), TlogProofError::Header),
        (good.replace("@v1", "@v2"), TlogProofError::Header),
        (good.replace("@v1\n", "@v1\r\n"), TlogProofError::Header),
        (good.replace("extra bm90", "extra bm9"), TlogProofError::Extra),
        (good.replace("bm90ZSB0byB0aGUgcmVhZGVy", ""), TlogProofError::Extra),
        (good.replace("extra ", "Extra "), TlogProofError::Index),
        (good.replace("index 3", "index 03"), TlogProofError::Index),
        (good.replace("index 3", "index -3"), TlogProofError::Index),
        (good.replace("index 3\n", ""), TlogProofError::Index),
        (good.replace(&hash, &format!(" {hash}")), TlogProofError::Hash(1)),
        (good.replace(&hash, "AAAA"), TlogProofError::Hash(1)),
        (good.replace(&hash, &[hash.as_str(); 80].join("\n")), TlogProofError::Hash(64)),
        ("c2sp.org/tlog-proof@v1\nindex 3\n".to_owned(), TlogProofError::Layout),
        (format!("{good}\n"), TlogProofError::Note(NoteError::Layout)),
        (format!("{good}x"), TlogProofError::Note(NoteError::Layout)),
        ("x".repeat(512 * 1024 + 1), TlogProofError::TooLong),
    ] {
        assert_eq!(TlogProof::parse(bad.as_bytes()), Err(error), "{:?}", &bad[..bad.len().min(120)]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_trust_files_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), near in "((log|witness A|group [A-C] (all|any|1|2)|quorum) ?[A-C]?( [A-C]){0,3}\\n|quorum none\\n){0,6}") {
        let (w1, w2) = (witness(1).verifier().vkey(), witness(2).verifier().vkey());
        let near = format!("witness A {w1}\nwitness B {w2}\nlog {}\n{near}", log().verifier());
        for bytes in [bytes, near.into_bytes()] {
            if let Ok(trust) = TrustFile::parse(&bytes) {
                let _ = trust.evaluate(&cosigned(&checkpoint(), &[1]));
            }
        }
    }

    #[test]
    fn arbitrary_proofs_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4)) {
        let (entry, proof) = proven(3);
        let mut near = proof.to_bytes();
        for (place, byte) in cuts {
            let place = place.index(near.len());
            if byte < 128 { near[place] = byte } else { near.remove(place); }
        }
        for bytes in [bytes, near] {
            if let Ok(proof) = TlogProof::parse(&bytes) {
                prop_assert_eq!(proof.to_bytes(), bytes);
                let _ = proof.verify(&entry, &trust("quorum none"));
            }
        }
    }
}
