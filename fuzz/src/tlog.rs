//! Notes, checkpoints, proofs and trust files.

use std::str::from_utf8;

use countersign_tlog::{Checkpoint, Note, Signature, Signer, TlogProof, TrustFile, Verifier};

use crate::published::{CHECKPOINT, RECORDS, TRUST};

/// What is read is written again byte for byte, and nobody but the log's key speaks for the log.
pub fn note(data: &[u8]) {
    let Ok(note) = Note::parse(data) else { return };
    assert_eq!(note.to_bytes(), data, "written as read");
    assert!(!note.signatures().is_empty() && note.text().ends_with('\n'));
    for signature in note.signatures() {
        assert_eq!(Signature::from_line(&signature.to_string()).as_ref(), Ok(signature));
    }
    let mut built = Note::new(note.text().to_owned()).expect("a read text is a text");
    for signature in note.signatures() {
        // A note that says the same thing twice can be read, but we write it once.
        let _ = built.add(signature.clone());
    }
    assert!(built.signatures().len() <= note.signatures().len());
    if note.verify(TRUST.logs()).is_ok() {
        assert_is_the_published(note.text());
    }
}

/// The key has signed one text that is public.
fn assert_is_the_published(text: &str) {
    let published = Note::parse(CHECKPOINT).expect("the published checkpoint is a note");
    assert_eq!(text, published.text(), "believed, although the log never signed it");
}

/// What is read is written again byte for byte; signed by the right key it opens as what it is, changed it does not.
pub fn checkpoint(data: &[u8]) {
    if let Ok((opened, _)) = Checkpoint::open(data, TRUST.logs()) {
        assert_is_the_published(&opened.to_string());
    }
    let Ok(text) = from_utf8(data) else { return };
    let Ok(checkpoint) = Checkpoint::parse(text) else { return };
    assert_eq!(checkpoint.to_string(), text, "written as read");
    if checkpoint.extensions().is_empty() {
        let made = Checkpoint::new(checkpoint.origin(), checkpoint.size(), checkpoint.root());
        assert_eq!(made.as_ref(), Ok(&checkpoint));
    }
    // An origin may hold a space, which a key's name may not.
    let Ok(signer) = Signer::from_seed(checkpoint.origin(), &[7; 32]) else { return };
    let Ok(note) = checkpoint.sign(&signer) else { return };
    let known = [signer.verifier().clone()];
    let mut signed = note.to_bytes();
    let opened = Checkpoint::open(&signed, &known).expect("what was signed opens");
    assert_eq!(opened, (checkpoint, note));
    let at = data.iter().map(|byte| usize::from(*byte)).sum::<usize>() % signed.len();
    signed[at] ^= 1 << (data.len() % 8);
    assert!(Checkpoint::open(&signed, &known).is_err(), "opens with byte {at} changed");
}

/// What is read is written again byte for byte, and a proof holds only for the record that it is about.
pub fn tlog_proof(data: &[u8]) {
    let Ok(proof) = TlogProof::parse(data) else { return };
    assert_eq!(proof.to_bytes(), data, "written as read");
    for (position, record) in RECORDS {
        if let Ok(evaluation) = proof.verify(record, &TRUST) {
            assert_eq!(proof.index, position, "record {position} is proven to be elsewhere");
            assert_is_the_published(&evaluation.checkpoint.to_string());
        }
    }
    assert!(proof.verify(b"a record that the log does not hold", &TRUST).is_err());
}

/// Space, comments and a URL mean nothing; a key stands once; a file that is cut off is refused; what a trust file does
/// not name is not believed.
pub fn trust_file(data: &[u8]) {
    let Ok(trust) = TrustFile::parse(data) else { return };
    let tabs: Vec<u8> = data.iter().map(|byte| if *byte == b' ' { b'\t' } else { *byte }).collect();
    assert_eq!(TrustFile::parse(&tabs).as_ref(), Ok(&trust), "a tab is a space");
    let commented = [b"# a comment\n\n", data, b" \t\n#"].concat();
    assert!(TrustFile::parse(&commented).is_err(), "the last line has no end");
    assert_eq!(TrustFile::parse(&[&commented, &b"\n"[..]].concat()).as_ref(), Ok(&trust), "comments mean nothing");
    assert!(TrustFile::parse(&[data, b"quorum none\n"].concat()).is_err(), "a second quorum");
    let named = trust.logs().iter().chain(trust.witnesses().map(|(_, verifier)| verifier));
    for verifier in named {
        assert_eq!(Verifier::from_vkey(&verifier.vkey()).as_ref(), Ok(verifier));
        let line = format!("log {verifier}\n");
        assert!(TrustFile::parse(&[data, line.as_bytes()].concat()).is_err(), "a key that stands twice");
    }
    let published = Note::parse(CHECKPOINT).expect("the published checkpoint is a note");
    if let Ok(evaluation) = trust.require(&published) {
        let believed = trust.logs().iter().any(|log| TRUST.logs().contains(log));
        assert!(believed, "believed without the log's key: {evaluation:?}");
    }
}
