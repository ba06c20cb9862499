//! Signing in, as a person does it and as others try to.

use super::signed::{Answer, Pages};
use crate::rundown::Desk;

#[tokio::test]
async fn a_link_signs_in_once_and_looking_at_it_uses_nothing_up() {
    let pages = Pages::of(Desk::new()).await;
    let (token, nobody) = (pages.token("ana"), pages.browser());
    let path = format!("/login/{token}");
    let asked = nobody.get("/").await.is(401);
    assert!(asked.text.contains("rundown login-link") && asked.text.contains("/login"), "{}", asked.text);
    for _ in 0..3 {
        let shown = nobody.get(&path).await.is(200);
        assert!(shown.text.contains("Sign in as ana"), "{}", shown.text);
        assert!(shown.cookies().is_empty() && !shown.text.contains(&token));
    }
    let ana = nobody.sign_in(&token).await;
    assert!(ana.get("/").await.is(200).text.contains("Incidents"));
    let again = Answer::of(nobody.sent(&path, &[])).await.is(410);
    assert!(again.text.contains("used already") && again.cookies().is_empty(), "{}", again.text);
    nobody.get(&path).await.is(410);
    nobody.get("/").await.is(401);
}
