//! A load generator keeps tens of thousands of sessions.

use gateway_client::Session;

#[test]
fn session_takes_less_than_half_a_kilobyte() {
    assert!(
        size_of::<Session>() <= 512,
        "{} bytes",
        size_of::<Session>()
    );
}
