//! Every breach of the rules about a batch: whoever hears it ends the stream, and nothing of it is named.

use super::*;

/// Every breach of the rules about a batch of two files.
fn breaches() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let size = 2 * MIB;
    let link = Metadata {
        kind: Kind::Symlink,
        ..file(0)
    };
    let none = Xattrs::new();
    let begun = |more: Vec<Vec<u8>>| [vec![large(0, size)], more].concat();
    vec![
        ("nobody asked for it", vec![small(7, b"x")]),
        ("out of order", vec![small(1, b"x")]),
        ("twice", vec![small(0, b"x"), small(0, b"x")]),
        (
            "another kind",
            vec![record(Type::File, 0, 0, &whole(&link, b"to", &none, b""))],
        ),
        ("no item", vec![plain(Type::Done, 0)]),
        ("a range of nothing", vec![piece(0, 0, b"x")]),
        (
            "an end too early",
            vec![small(0, b"x"), plain(Type::End, 0)],
        ),
        ("an end within a file", begun(vec![plain(Type::End, 0)])),
        ("another item within a file", begun(vec![small(1, b"x")])),
        ("another item's range", begun(vec![piece(1, 0, b"x")])),
        ("a second beginning", begun(vec![large(0, size)])),
        (
            "an overlap",
            begun(vec![piece(0, 5, b"abc"), piece(0, 7, b"x")]),
        ),
        (
            "a step back",
            begun(vec![piece(0, 5, b"abc"), piece(0, 0, b"x")]),
        ),
        ("beyond the size", begun(vec![piece(0, size - 1, b"ab")])),
        (
            "at the end of all numbers",
            begun(vec![piece(0, u64::MAX, b"ab")]),
        ),
        ("an empty range", begun(vec![piece(0, 0, b"")])),
        ("void twice", {
            let void = record(Type::Done, VOID, 0, b"");
            begun(vec![void.clone(), large(0, size), void])
        }),
        ("a small file in ranges", vec![large(0, MIB)]),
        (
            "results of the wrong side",
            vec![record(Type::Results, 0, 0, &[0; 128])],
        ),
        (
            "have of the wrong side",
            vec![record(Type::Have, 0, 0, &pack_have(0, &[]))],
        ),
        ("a batch in a batch", vec![record(Type::Put, 0, 0, b"")]),
        ("an unknown type", vec![vec![77; 16]]),
        (
            "an unknown flag",
            vec![record(Type::End, READ_AGAIN, 0, b"")],
        ),
    ]
}

#[test]
fn a_daemon_ends_the_stream_at_every_breach_and_names_nothing() {
    for (what, said) in breaches() {
        let world = World::new();
        let items = [item("a"), item("b")];
        let (_, closed) = say(&world, &put(&world, &items, &said));
        assert_eq!(closed.status, Status::Mismatch, "{what}");
        // What was concluded by the rules before stands.
        let made = usize::from(said[0] == small(0, b"x"));
        assert_eq!(names(&world.daemon).len(), made, "{what}");
    }
}

#[test]
fn a_client_ends_the_stream_at_every_breach_and_names_nothing() {
    for (what, said) in breaches() {
        let world = World::new();
        let items = [item("a"), item("b")];
        let (results, ended) = hear(&world, Way::Get, &items, &said.concat());
        assert_eq!(ended.unwrap_err().status, Status::Mismatch, "{what}");
        assert_eq!(statuses(&results)[1], Status::Mismatch, "{what}");
        let made = usize::from(said[0] == small(0, b"x"));
        assert_eq!(names(&world.client).len(), made, "{what}");
    }
}
