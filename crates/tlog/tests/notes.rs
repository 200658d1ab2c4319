//! Keys, notes, checkpoints and cosignatures: the specification's vectors, an independent implementation, refusals.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use countersign_tlog::{
    Checkpoint, CheckpointError, CosignatureError, Cosigner, EMPTY_ROOT, KeyError, MAX_NOTE_BYTES, Note, NoteError,
    Signature, SignatureType, Signer, Verifier, leaf_hash,
};
use proptest::prelude::*;
use signed_note::{Note as TheirNote, StandardSigner, StandardVerifier, VerifierList};

const VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const SIGNED: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn sign(text: &str, signers: &[&Signer]) -> Note {
    let mut note = Note::new(text.to_owned()).unwrap();
    for signer in signers {
        note.add(signer.sign(text)).unwrap();
    }
    note
}

#[test]
fn the_specification_vector_verifies() {
    let verifier = Verifier::from_vkey(VKEY).unwrap();
    assert_eq!((verifier.vkey().as_str(), verifier.name(), verifier.key_id()), (VKEY, "example.com/foo", 0x530d_903a));
    let note = Note::parse(SIGNED.as_bytes()).unwrap();
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_bytes(), SIGNED.as_bytes());
    assert_eq!(note.verify([&verifier]).unwrap()[0].timestamp, None);
    let changed = Note::parse(SIGNED.replace("example message", "example massage").as_bytes()).unwrap();
    assert_eq!(changed.verify([&verifier]), Err(NoteError::BadSignature("example.com/foo".to_owned())));
}

/// Every single changed bit of a signed note is noticed.
#[test]
fn no_bit_of_a_signed_note_can_change() {
    let verifier = Verifier::from_vkey(VKEY).unwrap();
    for bit in 0..SIGNED.len() * 8 {
        let mut bytes = SIGNED.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let opened = Note::parse(&bytes).and_then(|note| note.verify([&verifier]).map(|_| ()));
        assert!(opened.is_err(), "bit {bit}");
    }
}

#[test]
fn malformed_notes_are_refused() {
    let line = SIGNED.split_once("\n\n").unwrap().1.trim_end();
    let parse = |text: String| Note::parse(text.as_bytes());
    assert!(parse(format!("a\n\n\nb\n\n{line}\n")).is_ok_and(|note| note.text() == "a\n\n\nb\n"));
    assert!(parse(format!("\n\n{line}\n")).is_ok_and(|note| note.text() == "\n"));
    for (bad, error) in [
        (String::new(), NoteError::Layout),
        ("\n".to_owned(), NoteError::Layout),
        ("a\n".to_owned(), NoteError::Layout),
        ("a\n\n".to_owned(), NoteError::Layout),
        (format!("\n{line}\n"), NoteError::Layout),
        (format!("a\n\n{line}"), NoteError::Layout),
        (format!("a\r\n\n{line}\n"), NoteError::NotText),
        (format!("a\0\n\n{line}\n"), NoteError::NotText),
        (format!("a\n\n{line}\n{line} \n"), NoteError::SignatureLine(2)),
        (format!("a\n\n- {}\n", &line[4..]), NoteError::SignatureLine(1)),
        (format!("a\n\n {line}\n"), NoteError::SignatureLine(1)),
        ("a\n\n\u{2014}  AAAAAAA=\n".to_owned(), NoteError::SignatureLine(1)),
        ("a\n\n\u{2014} a+b AAAAAAA=\n".to_owned(), NoteError::SignatureLine(1)),
        ("a\n\n\u{2014} a\u{a0}b AAAAAAA=\n".to_owned(), NoteError::SignatureLine(1)),
        ("a\n\n\u{2014} a AAAAAA==\n".to_owned(), NoteError::SignatureLine(1)),
        ("a\n\n\u{2014} a AAAAAAB=\n".to_owned(), NoteError::SignatureLine(1)),
        ("a\n\n\u{2014} a AAAAAAA\n".to_owned(), NoteError::SignatureLine(1)),
        ("a\n\n\u{2014} a ____\n".to_owned(), NoteError::SignatureLine(1)),
        (format!("{}\n\n{line}\n", "a".repeat(MAX_NOTE_BYTES)), NoteError::TooLong),
        (format!("a\n\n{}", format!("{line}\n").repeat(65)), NoteError::TooManySignatures),
    ] {
        assert_eq!(parse(bad.clone()), Err(error), "{:?}", &bad[..bad.len().min(80)]);
    }
    assert_eq!(Note::parse(&[b"a\xff\n\n", line.as_bytes(), b"\n"].concat()), Err(NoteError::NotText));
    assert!(parse(format!("a\n\n{}", format!("{line}\n").repeat(64))).is_ok());
    assert_eq!(Note::new("no newline".to_owned()), Err(NoteError::Layout));
    assert_eq!(Note::new("tab\t\n".to_owned()), Err(NoteError::NotText));
    assert!(Signature::from_line(&format!("{line}\n")).is_err());
    assert_eq!(Signature::from_line(line).unwrap().to_string(), line);
}

#[test]
fn unknown_signatures_are_ignored_and_wrong_known_ones_are_not() {
    let (known, stranger, same_name) = (signer("a", 1), signer("b", 2), signer("a", 3));
    let note = sign("text\n", &[&stranger, &known, &same_name]);
    let verified = note.verify([known.verifier()]).unwrap();
    assert_eq!(verified.iter().map(|v| v.verifier.name()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(sign("text\n", &[&stranger, &same_name]).verify([known.verifier()]), Err(NoteError::NotSigned));
    assert_eq!(note.verify([]), Err(NoteError::NotSigned));
    let twice = [known.verifier().clone(), known.verifier().clone()];
    assert_eq!(note.verify(&twice), Err(NoteError::AmbiguousKey("a".to_owned())));

    let elsewhere = known.sign("other text\n");
    for (place, rest) in [("before", known.sign("text\n")), ("after", stranger.sign("text\n"))] {
        let text = format!("text\n\n{elsewhere}\n{rest}\n");
        let result = Note::parse(text.as_bytes()).unwrap().verify([known.verifier(), stranger.verifier()]).map(|_| ());
        assert_eq!(result, Err(NoteError::BadSignature("a".to_owned())), "{place}");
    }
    let repeated = format!("text\n\n{0}\n{0}\n", known.sign("text\n"));
    assert_eq!(Note::parse(repeated.as_bytes()).unwrap().verify([known.verifier()]).unwrap().len(), 1);
}

#[test]
fn keys_are_read_strictly_and_secrets_stay_hidden() {
    let verifier = Verifier::from_vkey(VKEY).unwrap();
    for (bad, error) in [
        ("", KeyError::Format),
        ("example.com/foo", KeyError::Format),
        ("+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Name),
        ("example.com/fo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Id),
        ("example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Name),
        ("example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Format),
        ("example.com/foo++30d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Format),
        ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U", KeyError::Format),
        ("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n", KeyError::Format),
        ("example.com/foo+530d903a+", KeyError::Format),
        ("example.com/foo+530d903a+BukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", KeyError::Type(6)),
        ("example.com/foo+530d903a+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", KeyError::Point),
    ] {
        assert_eq!(Verifier::from_vkey(bad), Err(error), "{bad}");
    }
    assert_eq!(Verifier::new("a", SignatureType::Ed25519, &[0; 32]), Err(KeyError::Point), "low order");
    assert_eq!(Verifier::new(&"a".repeat(256), SignatureType::Ed25519, verifier.public_key()), Err(KeyError::Name));
    assert_eq!(Verifier::new("a\u{1}", SignatureType::Ed25519, verifier.public_key()), Err(KeyError::Name));

    let (log, witness) = (signer("log.example", 9), Cosigner::from_seed("w.example", &[8; 32]).unwrap());
    let text = log.to_private_text();
    assert!(text.starts_with("PRIVATE+KEY+log.example+"));
    let secret = text.rsplit_once('+').unwrap().1;
    assert!(!format!("{log:?}").contains(secret) && format!("{log:?}").contains("log.example"));
    assert_eq!(Signer::from_private_text(&text).unwrap().verifier(), log.verifier());
    let witness_text = witness.to_private_text();
    assert!(!format!("{witness:?}").contains(witness_text.rsplit_once('+').unwrap().1));
    assert_eq!(Cosigner::from_private_text(&witness_text).unwrap().verifier(), witness.verifier());
    let wrong = |expected, found| KeyError::WrongType { expected, found };
    assert_eq!(Signer::from_private_text(&witness_text).unwrap_err(), wrong(1, 4));
    assert_eq!(Cosigner::from_private_text(&text).unwrap_err(), wrong(4, 1));
    for bad in [
        text.replace("PRIVATE", "PUBLIC"),
        text.replace("log.", "lag."),
        text[..text.len() - 4].to_owned(),
        format!("{}AAAA", text.as_str()),
    ] {
        assert!(Signer::from_private_text(&bad).is_err(), "{bad}");
    }
}

#[test]
fn checkpoints_are_read_strictly() {
    let root = leaf_hash(b"only");
    let text = Checkpoint::new("log.example/1", 1, root).unwrap().to_string();
    assert_eq!(text, format!("log.example/1\n1\n{root}\n"));
    let with_lines = Checkpoint::parse(&format!("{text}one\ntwo words\n")).unwrap();
    assert_eq!(with_lines.extensions(), ["one", "two words"]);
    assert_eq!(with_lines.to_string(), format!("{text}one\ntwo words\n"));
    assert!(Checkpoint::parse(&format!("o\n9223372036854775807\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("o\n0\n{EMPTY_ROOT}\n")).is_ok());
    for (bad, error) in [
        (String::new(), CheckpointError::Layout),
        ("o\n1\n".to_owned(), CheckpointError::Layout),
        (format!("o\n1\n{root}"), CheckpointError::Layout),
        (format!("o\n1\n{root}\n\n"), CheckpointError::Layout),
        (format!("o\n1\n{root}\n\nx\n"), CheckpointError::Layout),
        (format!("\n1\n{root}\n"), CheckpointError::Origin),
        (format!("{}\n1\n{root}\n", "o".repeat(256)), CheckpointError::Origin),
        (format!("o\t\n1\n{root}\n"), CheckpointError::Origin),
        (format!("o\n01\n{root}\n"), CheckpointError::Size),
        (format!("o\n+1\n{root}\n"), CheckpointError::Size),
        (format!("o\n-1\n{root}\n"), CheckpointError::Size),
        (format!("o\n1 \n{root}\n"), CheckpointError::Size),
        (format!("o\n9223372036854775808\n{root}\n"), CheckpointError::Size),
        (format!("o\n1\n{root} \n"), CheckpointError::Root),
        ("o\n1\nAAAA\n".to_owned(), CheckpointError::Root),
        (format!("o\n0\n{root}\n"), CheckpointError::Root),
    ] {
        assert_eq!(Checkpoint::parse(&bad), Err(error), "{bad:?}");
    }
}

#[test]
fn only_the_log_speaks_for_its_origin() {
    let (log, other) = (signer("log.example", 1), signer("other.example", 2));
    let checkpoint = Checkpoint::new("log.example", 1, leaf_hash(b"x")).unwrap();
    let signed = checkpoint.sign(&log).unwrap().to_bytes();
    assert_eq!(Checkpoint::open(&signed, [log.verifier()]).unwrap().0, checkpoint);
    assert!(matches!(checkpoint.sign(&other), Err(CheckpointError::KeyName { .. })));
    let refused = Err(CheckpointError::NotByLog("log.example".to_owned()));
    let foreign = sign(&checkpoint.to_string(), &[&other]).to_bytes();
    assert_eq!(Checkpoint::open(&foreign, [log.verifier(), other.verifier()]).map(|_| ()), refused);
    // A witness under the log's own name is still no log.
    let witness = Cosigner::from_seed("log.example", &[3; 32]).unwrap();
    let mut note = Note::new(checkpoint.to_string()).unwrap();
    note.add(witness.cosign(note.text(), 1).unwrap()).unwrap();
    assert_eq!(Checkpoint::open(&note.to_bytes(), [log.verifier(), witness.verifier()]).map(|_| ()), refused);
}

/// The example of the specification's text: its cosignature's time is 1679315147. Its keys are not published, so only
/// the layout can be checked.
#[test]
fn cosignatures_bind_time_and_checkpoint() {
    let witness = Cosigner::from_seed("witness.example/w1", &[5; 32]).unwrap();
    let checkpoint = Checkpoint::new("log.example", 1, leaf_hash(b"x")).unwrap();
    let mut note = checkpoint.sign(&signer("log.example", 1)).unwrap();
    note.add(witness.cosign(note.text(), 1_679_315_147).unwrap()).unwrap();
    let verified = note.verify([witness.verifier()]).unwrap();
    assert_eq!(verified[0].timestamp, Some(1_679_315_147));

    // What is signed, spelled out: the same key, signing that text as a plain note, makes the same 64 bytes.
    let plain = signer("witness.example/w1", 5);
    let message = format!("cosignature/v1\ntime 1679315147\nlog.example\n1\n{}\n", leaf_hash(b"x"));
    let blob = |signature: &Signature| {
        use base64::{Engine, engine::general_purpose::STANDARD};
        STANDARD.decode(signature.to_string().rsplit_once(' ').unwrap().1).unwrap()
    };
    let cosignature = blob(&note.signatures()[1]);
    assert_eq!(cosignature[4..12], 1_679_315_147u64.to_be_bytes());
    assert_eq!(cosignature[12..], blob(&plain.sign(&message))[4..]);
    assert_ne!(witness.verifier().key_id(), plain.verifier().key_id());

    assert_eq!(witness.cosign(note.text(), 0), Err(CosignatureError::Time(0)));
    assert_eq!(witness.cosign(note.text(), 1 << 63), Err(CosignatureError::Time(1 << 63)));
    assert!(matches!(witness.cosign("no checkpoint\n", 1), Err(CosignatureError::Checkpoint(_))));
    // Another time, or another checkpoint, under the same signature.
    let bytes = note.to_bytes();
    let other_time = note.to_string().replace("AAAABkGFDL", "AAAABkGFDM");
    assert_ne!(other_time.as_bytes(), bytes);
    let other_size = note.to_string().replacen("\n1\n", "\n2\n", 1);
    for changed in [other_time, other_size] {
        let result = Note::parse(changed.as_bytes()).unwrap().verify([witness.verifier()]).map(|_| ());
        assert_eq!(result, Err(NoteError::BadSignature("witness.example/w1".to_owned())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn signed_note_reads_ours_and_we_read_theirs(seed in any::<[u8; 32]>(), name in "[a-z.]{1,20}(/[^\\s+\\pC]{1,5})?", lines in prop::collection::vec("[^\\pC]{0,30}", 1..6)) {
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let ours = Signer::from_seed(&name, &seed).unwrap();
        let private = ours.to_private_text();
        let theirs = StandardSigner::new(&private).unwrap();
        let verifiers = VerifierList::new(vec![Box::new(StandardVerifier::new(&ours.verifier().vkey()).unwrap())]);

        let note = sign(&text, &[&ours]);
        let read = TheirNote::from_bytes(&note.to_bytes()).unwrap();
        prop_assert_eq!(read.text(), text.as_bytes());
        prop_assert_eq!(read.verify(&verifiers).unwrap().0.len(), 1);

        let mut written = TheirNote::new(text.as_bytes(), &[]).unwrap();
        written.add_sigs(&[&theirs]).unwrap();
        prop_assert_eq!(written.to_bytes(), note.to_bytes());
        Note::parse(&written.to_bytes()).unwrap().verify([ours.verifier()]).unwrap();
    }

    #[test]
    fn arbitrary_notes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), near in "([a\\n]{0,6}\\n)?\\n(\u{2014} [a+ ]{0,3} [A-Da-d=]{4,12}\\n){0,3}[\\n ]?") {
        for bytes in [bytes, near.into_bytes()] {
            let ours = Note::parse(&bytes);
            if let Ok(note) = &ours {
                prop_assert_eq!(note.to_bytes(), bytes.as_slice());
                let _ = note.verify([signer("a", 1).verifier()]);
                prop_assert!(TheirNote::from_bytes(&bytes).is_ok());
            }
        }
    }

    #[test]
    fn arbitrary_keys_never_panic(text in "\\PC{0,60}", near in "(PRIVATE\\+KEY\\+)?[a+ ]{0,3}\\+[0-9a-f]{7,9}\\+A[QE][A-Za-z0-9+/]{40,44}={0,2}") {
        for text in [text, near] {
            let _ = Signer::from_private_text(&text);
            let _ = Cosigner::from_private_text(&text);
            if let Ok(verifier) = Verifier::from_vkey(&text) {
                prop_assert_eq!(verifier.vkey(), text);
            }
        }
    }

    #[test]
    fn arbitrary_checkpoints_never_panic(text in "\\PC{0,60}", near in "[a\\n]{0,2}\\n0?[0-9]{0,20}\\n[A-D+/]{42,43}[AEI]=\\n?[x\\n]{0,3}") {
        for text in [text, near] {
            if let Ok(checkpoint) = Checkpoint::parse(&text) {
                prop_assert_eq!(checkpoint.to_string(), text);
            }
        }
    }
}
