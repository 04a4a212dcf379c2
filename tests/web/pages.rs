//! The pages for people: whole, inert, and safe from what they show.

use std::collections::BTreeSet;

use super::*;

/// Every page, with a finding of the trust domain that publishes foreign text.
async fn pages(server: &Server) -> Vec<(String, Answer)> {
    let findings = server.get("/api/v1/findings").await.json();
    let odd = findings.as_array().unwrap().iter().find(|one| one["trust_domain"] == "odd.example");
    let finding = format!("/finding/{}", odd.unwrap()["id"].as_str().unwrap());
    let mut pages = Vec::new();
    let names = ["clean1.lab.example", "failing.example", "new.example", "odd.example"];
    let domains = names.map(|name| format!("/trust-domain/{name}"));
    let others = ["/", "/events", "/graph", "/about", "/events?kind=recovered&before=7"];
    for target in others.map(str::to_owned).into_iter().chain(domains).chain([finding]) {
        let page = server.get(&target).await;
        assert_eq!(page.status, 200, "{target}: {}", page.text());
        pages.push((target, page));
    }
    pages
}

/// The tags of a page, each with its attributes.
fn tags(page: &str) -> Vec<(String, Vec<String>)> {
    let mut tags = Vec::new();
    for rest in page.split('<').skip(1) {
        let inner = rest.split('>').next().unwrap().trim_end_matches('/');
        let name = inner.split_whitespace().next().unwrap_or_default().to_owned();
        // Names of attributes are what stands outside of quotes before an `=`.
        let outside: String = inner.split('"').step_by(2).collect();
        let attributes = outside.split_whitespace().skip(1).map(|one| one.replace('=', ""));
        tags.push((name, attributes.collect()));
    }
    tags
}

#[tokio::test]
async fn foreign_text_is_text_in_every_page() {
    let server = Server::start();
    for (target, page) in pages(&server).await {
        let page = page.text();
        for markup in ["<script", "<img", "<b>", "alert(1)</", "javascript:"] {
            assert!(!page.contains(markup), "{target}: {markup}");
        }
        assert!(!page.contains('\u{202e}'), "{target}: writing is turned");
        if target.contains("odd.example") || target.starts_with("/finding") {
            assert!(page.contains("}'&lt;script&gt;alert(1)&lt;/script&gt;"), "{target}");
            assert!(page.contains("a&quot;b\\"), "{target}");
        }
        for (name, attributes) in tags(page) {
            assert!(!matches!(&*name, "script" | "style" | "img" | "iframe" | "form" | "object"));
            for attribute in attributes {
                assert!(
                    !attribute.starts_with("on") && attribute != "style",
                    "{target}: {attribute}"
                );
            }
        }
    }
}

#[tokio::test]
async fn every_page_is_whole_and_leads_on() {
    let server = Server::start();
    for (target, page) in pages(&server).await {
        let text = page.text();
        let mut open: Vec<String> = Vec::new();
        for (name, _) in tags(text) {
            let void = ["!DOCTYPE", "meta", "link"];
            if let Some(closed) = name.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(closed), "{target}");
            } else if !void.contains(&&*name) {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{target}: {open:?}");
        assert_eq!(text.matches("<h1").count(), 1, "{target}");
        for part in ["<html lang=\"en\">", "<main id=\"main\"", "href=\"#main\"", "<nav aria-label"]
        {
            assert!(text.contains(part), "{target}: {part}");
        }
        let ids: Vec<&str> =
            text.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{target}: {ids:?}");
        for link in text.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            if link.starts_with('/') {
                let link = link.replace("&amp;", "&");
                assert_eq!(server.get(&link).await.status, 200, "{target} leads to {link}");
            } else {
                let known = link.starts_with('#')
                    || link.starts_with("https://github.com/")
                    || link.starts_with("/api/v1/");
                assert!(known, "{target} leads to {link}");
            }
        }
    }
}

#[tokio::test]
async fn a_page_reloads_itself_only_where_the_reader_asked_for_it() {
    let server = Server::start();
    for (target, page) in pages(&server).await {
        assert!(!page.text().contains("http-equiv"), "{target}");
    }
    for (asked, given) in [("30", "30"), ("1", "5"), ("4000000000", "3600")] {
        let page = server.get(&format!("/trust-domain/odd.example?refresh={asked}")).await;
        let expected = format!("<meta http-equiv=\"refresh\" content=\"{given}\">");
        assert!(page.text().contains(&expected), "{asked}");
        assert!(page.text().contains("<a href=\"/trust-domain/odd.example\">stop</a>"));
    }
    assert_eq!(server.get("/?refresh=soon").await.status, 400);
}

#[tokio::test]
async fn what_is_not_there_is_said_as_a_page() {
    let server = Server::start();
    for target in
        ["/trust-domain/other.example", "/finding/000000000000", "/finding/x", "/events?kind=none"]
    {
        let page = server.get(target).await;
        assert_eq!(page.status, 404, "{target}");
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").is_some());
        assert!(page.text().contains("<h1>Not here</h1>"));
    }
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_hides_nothing_else() {
    let fails = Some(BackendError::Unavailable("cannot read the store: busy".to_owned()));
    let server = Server::of(Scripted { fails, ..Scripted::default() }, ReloadOverHttp::Refused);
    for (_, page) in pages(&server).await {
        assert!(page.text().contains("</html>"));
    }
    let page = server.get("/trust-domain/odd.example").await;
    assert!(page.text().contains("cannot read the store: busy"));
    assert!(page.text().contains("bundle empty"));
}

#[tokio::test]
async fn a_finding_that_ended_is_still_told_of() {
    let server = Server::start();
    let ended = picture::view().domains.iter().flat_map(|one| one.ended.to_vec()).next().unwrap();
    let page = server.get(&format!("/finding/{}", ended.id)).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("source stale"), "{}", page.text());
}

#[tokio::test]
async fn the_most_urgent_trust_domain_comes_first() {
    let page = Server::start().get("/").await;
    let standings: Vec<(&str, &str)> = page
        .text()
        .split("data-label=\"trust domain\"><span><a href=\"/trust-domain/")
        .skip(1)
        .map(|rest| {
            let badge = rest.split("<span class=\"badge ").nth(1).unwrap();
            let word = badge.split(['>', '<']).nth(1).unwrap();
            (rest.split('"').next().unwrap(), word)
        })
        .collect();
    let expected = [
        ("odd.example", "critical"),
        ("failing.example", "warning"),
        ("new.example", "not polled yet"),
        ("clean1.lab.example", "watched"),
    ];
    assert_eq!(standings, expected);
}

#[tokio::test]
async fn the_time_line_is_a_drawing_a_sentence_and_a_table() {
    let server = Server::start();
    let page = server.get("/trust-domain/clean1.lab.example").await;
    let text = page.text();
    let said: Vec<&str> = text
        .split("role=\"img\" aria-label=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let authorities = picture::authorities().len() + 1;
    let lanes = said.iter().filter(|said| said.contains("published")).count();
    assert_eq!(lanes, authorities, "a lane for each, and for the one that is gone: {said:?}");
    assert!(said.iter().any(|said| said.contains(", removed 2026-11-22")), "{said:?}");
    assert!(said.iter().any(|said| said.contains("lineage 1: next due")), "{said:?}");
    let rows = text.matches("data-label=\"standing\"").count();
    assert_eq!(rows, authorities, "the table has them all");
    assert!(text.contains("violated") && text.contains("undecidable"), "verdicts");
}

#[tokio::test]
async fn the_graph_shows_whose_bundle_proves_whom() {
    let server = Server::start();
    let page = server.get("/graph").await;
    let text = page.text();
    assert!(text.contains("watcher.example"), "who trusts");
    assert_eq!(text.matches("class=\"serves\"").count(), 2, "one arrow, and one in the legend");
    assert_eq!(text.matches("class=\"trusts\"").count(), 5, "one for each, and the legend");
    assert!(text.contains("a chain of 1 link: proved by clean1.lab.example"));
    assert!(text.contains("new.example ← clean1.lab.example"));
    assert!(text.contains("proved by the Web PKI"));
}

#[tokio::test]
async fn the_watch_tells_which_journal_and_which_configuration_it_runs() {
    let page = Server::start().get("/about").await;
    for part in [
        Digest::of(b"entry").to_string(),
        Digest::of(b"configuration").to_string(),
        env!("CARGO_PKG_VERSION").to_owned(),
        "Apache-2.0".to_owned(),
    ] {
        assert!(page.text().contains(&part), "{part}");
    }
}

#[tokio::test]
async fn events_lead_to_the_ones_before_them() {
    let server = Server::start();
    let page = server.get("/events?trust_domain=a.example&kind=recovered&before=7").await;
    let asked = server.backend.asked.lock().unwrap().pop().unwrap();
    assert_eq!(
        (asked.before, asked.limit, asked.kind.as_deref()),
        (Some(7), 100, Some("recovered"))
    );
    assert!(
        page.text().contains("href=\"/events?trust_domain=a.example&amp;kind=recovered\">Newest")
    );
    assert!(!page.text().contains(">Older<"), "there are no more");
}

#[tokio::test]
async fn a_finding_says_what_to_type_and_where_to_read_on() {
    let server = Server::start();
    let findings = server.get("/api/v1/findings").await.json();
    let page = async |kind: &str| {
        let finding = findings.as_array().unwrap().iter().find(|one| one["kind"] == kind).unwrap();
        server.get(&format!("/finding/{}", finding["id"].as_str().unwrap())).await
    };
    let typed = |page: &Answer| page.text().replace("<span>", "").replace("</span>", "");
    let stale = page("source_stale").await;
    let text = typed(&stale);
    assert!(text.contains("No decision is asked for: it ends with the next good poll."), "{text}");
    assert!(text.contains("docs/runbook.md#anchorwatchsourcestale\""));
    assert!(text.contains("--trust-domain failing.example"));
    let irregular = typed(&page("irregular_document").await);
    assert!(irregular.contains("anchorwatch lint 'https://[2001:db8::1]/bundle.json'"));
    assert!(irregular.contains("The same incident"), "one poll raised both");
}
