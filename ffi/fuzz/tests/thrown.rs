//! What an input did is undone before the next, and what it must not do is seen.

use std::fs;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use blit_fuzz::Thrown;

/// Whether the check lets this pass.
fn passes(act: impl FnOnce(&Path)) -> bool {
    let thrown = Thrown::new();
    act(&thrown.inside());
    catch_unwind(AssertUnwindSafe(|| thrown.check())).is_ok()
}

#[test]
fn whatever_touches_the_surroundings_is_seen() {
    assert!(passes(|_| ()));
    assert!(passes(|inside| fs::write(inside.join("new"), "").unwrap()));
    assert!(passes(|inside| assert_eq!(
        fs::read_dir(inside).unwrap().count(),
        3
    )));
    assert!(!passes(|inside| drop(fs::read(inside.join("up/outside")))));
    assert!(!passes(
        |inside| fs::write(inside.join("up/new"), "").unwrap()
    ));
    assert!(!passes(|inside| drop(fs::read_dir(inside.join("up")))));
    assert!(!passes(
        |inside| fs::remove_file(inside.join("../outside")).unwrap()
    ));
    assert!(!passes(
        |inside| fs::rename(inside, inside.join("../away")).unwrap()
    ));
    assert!(!passes(
        |inside| symlink("a", inside.join("up/link")).unwrap()
    ));
}

#[test]
fn every_input_begins_with_the_same_tree() {
    let thrown = Thrown::new();
    let inside = thrown.inside();
    thrown.fill();
    assert!(!thrown.fill(), "nothing was changed");
    for round in 0..3 {
        fs::remove_file(inside.join("a")).unwrap();
        fs::create_dir_all(inside.join("new/deep")).unwrap();
        fs::write(inside.join("d/b"), "other").unwrap();
        fs::rename(inside.join("up"), inside.join("d/up")).unwrap();
        assert!(thrown.fill(), "round {round}");
        assert_eq!(fs::read(inside.join("a")).unwrap(), b"content");
        assert_eq!(fs::read(inside.join("d/b")).unwrap(), [7; 5000]);
        assert_eq!(fs::read_link(inside.join("up")).unwrap(), Path::new(".."));
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 3);
        assert_eq!(fs::read_dir(inside.join("d")).unwrap().count(), 1);
        assert!(
            !thrown.fill(),
            "what the filling did itself is not a change"
        );
    }
    thrown.check();
}
