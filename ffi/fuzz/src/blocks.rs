//! The packed layouts that TypeScript and peers hand over: EntryBlock, request, terms.
//!
//! Whatever passes the check can be read whole: every name, target and path of every item.

use blit_native::block::{Item, Layout};
use blit_native::net::terms::Terms;
use blit_native::request::{Own, Request, flag};
use blit_native::results::{RESULT_BYTES, Results};

fn read_whole(request: &Request) {
    for i in 0..request.len() {
        let path = request.path(i);
        if let Ok((above, name)) = request.located(i) {
            assert!(path.ends_with(name) && path.len() >= above.len());
            assert!(
                !name.is_empty() && name != b".." && !name.contains(&0) && !name.contains(&b'/')
            );
        }
    }
    let _ = request.trailing().first();
}

/// Carries one input out; panics where a promise doesn't hold.
pub fn run(data: &[u8]) {
    if let Ok(layout) = Layout::check(data) {
        assert!(layout.end <= data.len());
        for i in 0..layout.count {
            let Item { name, target, .. } = layout.item(data, i);
            assert!(name.len() + target.len() <= 2 * data.len());
        }
    }
    if let Ok(request) = Request::parse(data.to_vec()) {
        read_whole(&request);
        let again = Request::from_peer(request.for_peer(), &Own::default());
        assert_eq!(again.map(|request| request.len()).ok(), Some(request.len()));
    }
    let own = Own {
        source: 1,
        destination: 2,
        run: 3,
        slot: 4,
        flags: flag::OWNER,
    };
    if let Ok(request) = Request::from_peer(data.to_vec(), &own) {
        read_whole(&request);
        assert!(request.trailing().is_empty() && request.flags & !flag::OWNER == 0);
        assert_eq!((request.source, request.destination), (1, 2));
        assert_eq!((request.run, request.slot), (3, 4));
    }
    let _ = Terms::parse(data);
    let count = data.len() / RESULT_BYTES;
    if let Some(results) = Results::from_peer(data, count) {
        assert_eq!(results.len(), count);
    }
}
