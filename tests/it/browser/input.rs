//! What a person does to a page: finding things by what they are called, the mouse, the keyboard.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::PATIENCE;
use super::page::{Page, text};

/// How long it takes to look again for something that is not there yet.
const AGAIN: Duration = Duration::from_millis(50);

/// Keys by the names that browsers give them: code, number, what they type.
const KEYS: &[(&str, &str, u32, &str)] = &[
    ("Tab", "Tab", 9, ""),
    ("Enter", "Enter", 13, "\r"),
    ("Escape", "Escape", 27, ""),
    (" ", "Space", 32, " "),
    ("End", "End", 35, ""),
    ("Home", "Home", 36, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("ArrowDown", "ArrowDown", 40, ""),
];

impl Page {
    /// Presses the mouse on what assistive technology calls `name`, when it is there: `click("button", "Approve")`.
    #[track_caller]
    pub fn click(&self, role: &str, name: &str) {
        let what = format!("{role} {name:?}");
        self.click_what(&what, |page| match page.named(role, name).as_slice() {
            [] => None,
            [one] => Some(*one),
            several => page.fails(&format!("{} things are {what}", several.len())),
        });
    }

    /// Presses the mouse on the first element that a selector matches, when it is there.
    #[track_caller]
    pub fn click_on(&self, selector: &str) {
        self.click_what(selector, |page| page.matching(selector));
    }

    /// Whether assistive technology finds this now.
    pub fn has(&self, role: &str, name: &str) -> bool {
        !self.named(role, name).is_empty()
    }

    #[track_caller]
    fn click_what(&self, what: &str, find: impl Fn(&Self) -> Option<u64>) {
        let by = Instant::now() + PATIENCE;
        loop {
            // A page that changes by itself may take the thing away, or move it, between finding and pressing.
            match find(self).map(|node| self.point(node)) {
                Some(Ok((x, y))) => {
                    for kind in ["mouseMoved", "mousePressed", "mouseReleased"] {
                        let pressed = kind != "mouseMoved";
                        let button = if pressed { "left" } else { "none" };
                        let clicks = u8::from(pressed);
                        let event = json!({ "type": kind, "x": x, "y": y, "button": button, "clickCount": clicks });
                        self.call("Input.dispatchMouseEvent", event);
                    }
                    return;
                }
                last => {
                    if Instant::now() >= by {
                        self.fails(&format!("{what} cannot be pressed: {last:?}"));
                    }
                    std::thread::sleep(AGAIN);
                }
            }
        }
    }

    /// What assistive technology finds by role and whole name.
    fn named(&self, role: &str, name: &str) -> Vec<u64> {
        let Ok(document) = self.try_call("DOM.getDocument", json!({ "depth": 0 })) else { return Vec::new() };
        let root = &document["root"]["backendNodeId"];
        let wanted = json!({ "backendNodeId": root, "role": role, "accessibleName": name });
        let Ok(found) = self.try_call("Accessibility.queryAXTree", wanted) else { return Vec::new() };
        let nodes = found["nodes"].as_array().cloned().unwrap_or_default();
        let shown = nodes.iter().filter(|node| node["ignored"] != true);
        shown.filter_map(|node| node["backendDOMNodeId"].as_u64()).collect()
    }

    fn matching(&self, selector: &str) -> Option<u64> {
        let document = self.try_call("DOM.getDocument", json!({ "depth": 0 })).ok()?;
        let wanted = json!({ "nodeId": document["root"]["nodeId"], "selector": selector });
        let found = self.try_call("DOM.querySelector", wanted).ok()?;
        let described = self.try_call("DOM.describeNode", json!({ "nodeId": found["nodeId"] })).ok()?;
        described["node"]["backendNodeId"].as_u64()
    }

    /// The middle of something, where it can be hit.
    fn point(&self, node: u64) -> Result<(f64, f64), String> {
        let node = json!({ "backendNodeId": node });
        self.try_call("DOM.scrollIntoViewIfNeeded", node.clone())?;
        let quads = self.try_call("DOM.getContentQuads", node.clone())?;
        let corners: Vec<f64> = quads["quads"][0].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let [x1, y1, _, _, x3, y3, ..] = *corners.as_slice() else { return Err("it has no place".to_owned()) };
        let (x, y) = (f64::midpoint(x1, x3), f64::midpoint(y1, y3));
        let object = self.try_call("DOM.resolveNode", node)?;
        let hit = "function(x, y) { const top = document.elementFromPoint(x, y);
            return !!top && (this === top || this.contains(top) || top.contains(this)); }";
        let question = json!({
            "objectId": object["object"]["objectId"],
            "functionDeclaration": hit,
            "arguments": [{ "value": x }, { "value": y }],
            "returnByValue": true,
        });
        let is_hit = self.try_call("Runtime.callFunctionOn", question)?;
        if is_hit["result"]["value"] == true { Ok((x, y)) } else { Err("something lies on top of it".to_owned()) }
    }

    /// Presses a key: `Tab`, `Enter`, `Escape`, a space, `Home`, `End`, arrows up and down.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let known = KEYS.iter().find(|(name, ..)| *name == key);
        let (key, code, number, types) = known.unwrap_or_else(|| panic!("the keyboard here has no key {key:?}"));
        let mut event = json!({ "type": "keyDown", "key": key, "code": code, "windowsVirtualKeyCode": number });
        if !types.is_empty() {
            event["text"] = (*types).into();
        }
        self.call("Input.dispatchKeyEvent", event.clone());
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", event);
    }

    /// Types into what has the focus.
    pub fn types(&self, words: &str) {
        self.call("Input.insertText", json!({ "text": words }));
    }

    /// What has the focus, as a screen reader says it: role and name.
    pub fn focused(&self) -> (String, String) {
        let active = self.call("Runtime.evaluate", json!({ "expression": "document.activeElement" }));
        let one = json!({ "objectId": active["result"]["objectId"], "fetchRelatives": false });
        let node = self.call("Accessibility.getPartialAXTree", one);
        (text(&node["nodes"][0]["role"]["value"]), text(&node["nodes"][0]["name"]["value"]))
    }

    /// Goes on with Tab until this has the focus. Panics where Tab has gone all around without coming there.
    #[track_caller]
    pub fn tabs_to(&self, role: &str, name: &str) {
        let mut way = Vec::new();
        for _ in 0..200 {
            self.press("Tab");
            let focused = self.focused();
            if focused == (role.to_owned(), name.to_owned()) {
                return;
            }
            let ends = way.iter().filter(|(role, _)| role == "RootWebArea").count();
            way.push(focused);
            // Behind the last thing comes the page as a whole, and then everything again.
            if ends > 1 {
                break;
            }
        }
        self.fails(&format!("Tab never comes to {role} {name:?}; it comes by {way:#?}"));
    }
}
