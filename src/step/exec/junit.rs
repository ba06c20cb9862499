//! JUnit XML, as pytest, jest-junit, Playwright and Surefire write it, read as far as a verdict needs it.
//!
//! Lives here: cases in nested suites, what each came to, limits. Never lives here: files, and which failures are
//! expected.
//!
//! There is no standard: a case is what all of them agree on. A skipped case counts as passed, as TAP has it. Nothing is
//! expanded but characters and the five entities of XML; a document that declares a type, and with it entities of its
//! own, is refused.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::results::{MAX_TESTS, Named, distinct};

/// Elements within elements.
const MAX_DEPTH: usize = 64;
/// Attributes of one element that are looked at.
const MAX_ATTRIBUTES: usize = 64;
/// Bytes of a name, and of what a failure says.
const MAX_TEXT: usize = 2_000;

/// The report within what a program printed.
pub(super) fn find(output: &str) -> Result<&str, String> {
    let begins = ["<?xml", "<testsuites", "<testsuite"].into_iter().filter_map(|begin| output.find(begin));
    begins.min().map(|at| &output[at..]).ok_or_else(|| "no JUnit XML was printed".to_owned())
}

/// All cases, in order, with names of their own. What follows the root element is not looked at.
pub(super) fn read(text: &str) -> Result<Vec<Named>, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let mut report = Report::default();
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|error| format!("the report is not XML at byte {at}: {error}"))?;
        match event {
            Event::Start(element) => report.start(&element)?,
            Event::End(_) => {
                if report.end()? {
                    if report.tests.is_empty() {
                        return Err("the report holds no test".to_owned());
                    }
                    distinct(&mut report.tests);
                    return Ok(report.tests);
                }
            }
            Event::Text(text) => report.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => report.text(&text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(char)) => report.text(char.encode_utf8(&mut [0; 4])),
                _ => report.text(
                    quick_xml::escape::resolve_predefined_entity(&name.xml_content(XmlVersion::Implicit1_0))
                        .unwrap_or("�"),
                ),
            },
            Event::DocType(_) => return Err("the report declares a document type, which is not read".to_owned()),
            Event::Eof if report.open.is_empty() => return Err("the report holds no test suite".to_owned()),
            Event::Eof => return Err("the report ends in the middle".to_owned()),
            // Empty elements come as a start and an end.
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Report {
    open: Vec<Element>,
    tests: Vec<Named>,
    /// How many of them failed.
    failed: usize,
    case: Option<Case>,
}

enum Element {
    Suite(Suite),
    Case,
    /// Says that its case did not pass.
    Verdict,
    Other,
}

/// A suite that is open.
struct Suite {
    name: String,
    /// How many cases it says did not pass, where it says so.
    said: usize,
    /// How many failed tests there were when it began.
    before: usize,
}

/// A case that is open.
#[derive(Default)]
struct Case {
    name: String,
    verdict: Verdict,
    message: String,
    text: String,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    #[default]
    Passed,
    Skipped,
    Failed,
}

impl Report {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("the report nests deeper than {MAX_DEPTH} elements"));
        }
        let name = element.local_name();
        let opened = match name.as_ref() {
            "testsuites" | "testsuite" if self.case.is_none() => Element::Suite(self.suite(element)?),
            _ if self.open.is_empty() => {
                return Err(format!("a report does not begin with <{}>", cut(name.as_ref(), 40)));
            }
            "testcase" if self.case.is_none() => {
                if self.tests.len() >= MAX_TESTS {
                    return Err(format!("the report holds more than {MAX_TESTS} tests"));
                }
                self.case = Some(self.begin_case(element)?);
                Element::Case
            }
            "failure" | "error" if self.in_case() => self.verdict(element, Verdict::Failed)?,
            "skipped" if self.in_case() => self.verdict(element, Verdict::Skipped)?,
            _ => Element::Other,
        };
        self.open.push(opened);
        Ok(())
    }

    /// Directly inside a case, not in what its system wrote or a property.
    fn in_case(&self) -> bool {
        matches!(self.open.last(), Some(Element::Case))
    }

    fn suite(&self, element: &BytesStart<'_>) -> Result<Suite, String> {
        let [name, failures, errors] = attributes(element, ["name", "failures", "errors"])?;
        let number = |text: &str| text.trim().parse().unwrap_or(0_usize);
        Ok(Suite { name, said: number(&failures).saturating_add(number(&errors)), before: self.failed })
    }

    fn begin_case(&self, element: &BytesStart<'_>) -> Result<Case, String> {
        let [name, class] = attributes(element, ["name", "classname"])?;
        let suite = self.open.iter().rev().find_map(|open| match open {
            Element::Suite(suite) if !suite.name.is_empty() => Some(suite.name.as_str()),
            _ => None,
        });
        let of = if class.is_empty() { suite.unwrap_or_default() } else { class.as_str() };
        // Some writers put the one into the other.
        let name = match (name.is_empty(), of.is_empty() || name.starts_with(of)) {
            (true, _) => format!("{of}: test {}", self.tests.len() + 1),
            (false, true) => name,
            (false, false) => format!("{of}: {name}"),
        };
        Ok(Case { name, ..Case::default() })
    }

    fn verdict(&mut self, element: &BytesStart<'_>, verdict: Verdict) -> Result<Element, String> {
        let [message] = attributes(element, ["message"])?;
        match &mut self.case {
            Some(case) if verdict > case.verdict => {
                (case.verdict, case.message) = (verdict, message);
                case.text.clear();
                Ok(Element::Verdict)
            }
            // What came first and weighs as much has said why.
            _ => Ok(Element::Other),
        }
    }

    fn text(&mut self, text: &str) {
        if let (Some(Element::Verdict), Some(case)) = (self.open.last(), &mut self.case) {
            let room = MAX_TEXT.saturating_sub(case.text.len());
            case.text.push_str(cut(text, room));
        }
    }

    /// Closes the innermost element; whether that was the root.
    fn end(&mut self) -> Result<bool, String> {
        match self.open.pop() {
            Some(Element::Case) => {
                if let Some(test) = self.case.take().map(Case::named) {
                    self.failed += usize::from(!test.passed);
                    self.tests.push(test);
                }
            }
            Some(Element::Suite(suite)) => {
                let listed = self.failed - suite.before;
                if suite.said > listed {
                    let name = if suite.name.is_empty() { "test suite" } else { &suite.name };
                    let why = format!("says that {} did not pass and lists {listed} of them", suite.said);
                    self.failed += 1;
                    self.tests.push(Named::new(name, false, &why));
                }
            }
            Some(Element::Verdict | Element::Other) => {}
            None => return Err("the report is not XML: an element ends that never began".to_owned()),
        }
        Ok(self.open.is_empty())
    }
}

impl Case {
    fn named(self) -> Named {
        let said = if self.message.trim().is_empty() { self.text } else { self.message };
        match self.verdict {
            Verdict::Passed => Named::new(&self.name, true, ""),
            Verdict::Failed => Named::new(&self.name, false, &said),
            Verdict::Skipped => {
                let detail = if said.trim().is_empty() { "SKIP".to_owned() } else { format!("SKIP {said}") };
                Named { skipped: true, ..Named::new(&self.name, true, &detail) }
            }
        }
    }
}

/// The values of some attributes; empty where one is not given.
fn attributes<const N: usize>(element: &BytesStart<'_>, wanted: [&str; N]) -> Result<[String; N], String> {
    let mut found = [const { String::new() }; N];
    // Checking for repeated names costs the square of their number.
    for attribute in element.attributes().with_checks(false).take(MAX_ATTRIBUTES) {
        let attribute = attribute.map_err(|error| format!("the report is not XML: {error}"))?;
        if let Some(place) = wanted.iter().position(|name| *name == attribute.key.as_ref()) {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| format!("the report is not XML: {error}"))?;
            // A suite's name is copied for each of its cases.
            found[place] = cut(&value, MAX_TEXT).to_owned();
        }
    }
    Ok(found)
}

/// At most so many bytes of a text, whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let tests = read(text).unwrap().into_iter();
        let mark = |test: &Named| {
            if test.skipped {
                "/"
            } else if test.passed {
                "+"
            } else {
                "-"
            }
        };
        tests.map(|test| format!("{} {} | {}", mark(&test), test.name, test.detail)).collect()
    }

    #[test]
    fn what_pytest_wrote_is_read() {
        insta::assert_snapshot!(shown(include_str!("tests/pytest.xml")).join("\n"));
    }

    #[test]
    fn suites_within_suites_and_names_that_repeat_their_class_are_read() {
        // The shapes of jest-junit and of Playwright.
        let text = r#"<?xml version="1.0"?>
<!-- two writers -->
<testsuites name="all" tests="5" failures="2">
  <testsuite name="Occupation" failures="1">
    <testcase classname="Occupation takes a spool" name="Occupation takes a spool" time="0.1"/>
    <testsuite name="paused">
      <testcase name="can be taken &amp; completed"><failure>Error: got 500
        at line &#51;</failure><system-out>ok</system-out></testcase>
    </testsuite>
  </testsuite>
  <testsuite name="board.spec.ts" failures="1" skipped="1">
    <testcase name="board › shows spools" classname="board.spec.ts"><failure message="timed out" type="FAILURE"><![CDATA[ <div> ]]></failure></testcase>
    <testcase name="board › prints" classname="board.spec.ts"><skipped/></testcase>
    <testcase name="board › prints" classname="board.spec.ts"></testcase>
  </testsuite>
</testsuites>
and what else was printed"#;
        let expected = [
            "+ Occupation takes a spool | ",
            "- paused: can be taken & completed | Error: got 500 at line 3",
            "- board.spec.ts: board › shows spools | timed out",
            "/ board.spec.ts: board › prints | SKIP",
            "+ board.spec.ts: board › prints (2) | ",
        ];
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn a_failure_that_a_suite_counts_and_does_not_list_is_a_failed_test() {
        let text = r#"<testsuite name="unit" failures="1" errors="1"><testcase name="a"><error message="x"/></testcase></testsuite>"#;
        assert_eq!(shown(text), ["- unit: a | x", "- unit | says that 2 did not pass and lists 1 of them"]);
    }

    #[test]
    fn hostile_and_broken_reports_are_refused_in_words() {
        let laughs =
            r#"<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>"#;
        let deep = "<testsuite>".repeat(100_000);
        let many = format!("<testsuite>{}</testsuite>", "<testcase name=\"a\"/>".repeat(MAX_TESTS + 1));
        let wide = format!("<testsuite {}/>", "a='1' ".repeat(200_000));
        let long = format!(
            "<testsuite name='{}'>{}</testsuite>",
            "s".repeat(4_000_000),
            "<testcase name='a'/>".repeat(MAX_TESTS)
        );
        assert_eq!(read(&long).map(|tests| tests.len()), Ok(MAX_TESTS));
        let said = |text: &str| read(text).unwrap_err();
        assert_eq!(said(laughs), "the report declares a document type, which is not read");
        assert_eq!(said(&deep), "the report nests deeper than 64 elements");
        assert_eq!(said(&many), "the report holds more than 10000 tests");
        assert_eq!(said(&wide), "the report holds no test");
        assert_eq!(said("<testsuites/>"), "the report holds no test", "nothing ran, and nothing is green for that");
        assert_eq!(said("<testsuite><testcase name='a'/>"), "the report ends in the middle");
        assert_eq!(said("<html/>"), "a report does not begin with <html>");
        assert_eq!(said(""), "the report holds no test suite");
        assert!(said("<testsuite></testcase>").starts_with("the report is not XML at byte 11: "));
        assert!(said("<testsuite><testcase name='&b;'/></testsuite>").starts_with("the report is not XML: "));
        assert_eq!(find("collected 0 items"), Err("no JUnit XML was printed".to_owned()));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(cases in prop::collection::vec(("[a-z<&\"'›]{1,12}", 0..3_u8), 1..20)) {
            let mut text = "<testsuites><testsuite>".to_owned();
            let mut expected = Vec::new();
            for (name, verdict) in &cases {
                let inner = ["", "<failure message='no'/>", "<skipped/>"][usize::from(*verdict)];
                text.push_str(&format!("<testcase name=\"{}\">{inner}</testcase>", quick_xml::escape::escape(name.as_str())));
                let test = Named::new(name, *verdict != 1, ["", "no", "SKIP"][usize::from(*verdict)]);
                expected.push(Named { skipped: *verdict == 2, ..test });
            }
            text.push_str("</testsuite></testsuites>");
            distinct(&mut expected);
            prop_assert_eq!(read(&text), Ok(expected));
        }

        #[test]
        fn no_bytes_make_it_fall_over(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            parts in prop::collection::vec(prop::sample::select(vec![
                "<testsuite", "<testcase", "<failure", " name=\"", "\"", ">", "/>", "</testcase>", "</testsuite>", "<![CDATA[", "]]>",
                "&#0;", "&lt;", "&", "<!--", "-->", "<?xml", "?>", "<!DOCTYPE", "x", "ü",
            ]), 0..60),
        ) {
            let raw = String::from_utf8_lossy(&bytes);
            let cases = parts.iter().filter(|part| **part == "<testcase").count();
            for text in [raw.as_ref(), &parts.concat(), &format!("<testsuite>{}{raw}", parts.concat())] {
                let passed = read(text).unwrap_or_default().iter().filter(|test| test.passed).count();
                prop_assert!(passed <= cases, "nothing passes that was not written");
            }
        }
    }
}
