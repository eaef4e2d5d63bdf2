use super::*;
use crate::metrics::table::tests::run;
use protocol::{Method, Order, Outcome, Phase, PhaseName};

/// Runs by several methods, one of them failed, one with a relay: figures of every kind.
pub fn several() -> Vec<RunRecord> {
    let mut runs = Vec::new();
    for (i, method) in [Method::Cold, Method::Classic, Method::Hot, Method::Seamless].into_iter().cycle().take(24).enumerate() {
        // Any fixed wiggle will do.
        let factor = [300.0, 120.0, 2.1, 0.9][i % 4] * (1.0 + (i * 7 % 5) as f64 / 20.0);
        let mut one = run(method, factor, Some(if i % 4 < 2 { 2 } else { 0 }));
        one.run = format!("019a-4f2e-7000-{:08x}", 0x1000_0000 + i * 0x0123_4567);
        if i % 8 > 3 {
            (one.order, one.from, one.to) = (Order::MB, "server2".into(), "server1".into());
        }
        let figures = [1.4, 20.3, 20.2, 1.8, 0.16, factor, 2.76];
        let names = PhaseName::ALL.into_iter().filter(|name| *name != PhaseName::SetRoute && !name.is_for_comparison());
        one.phases = names.zip(figures).map(|(name, ms)| Phase { name, ms, paper_ms: name.paper_ms() }).collect();
        one.interruption.by_phases_ms = Some(0.16 + factor + 2.76);
        one.total_ms = figures.iter().sum::<f64>() + 1.9;
        runs.push(one);
    }
    runs[5].outcome = Outcome::RolledBack;
    runs[5].interruption = protocol::Interruption::default();
    runs[6].relay = true;
    runs[7].method = Method::Failover;
    runs
}

fn of(runs: &[RunRecord], format: PaperFormat) -> Option<String> {
    let all: Vec<&RunRecord> = runs.iter().collect();
    let drawn = bytes(&all, &Distribution::of_interruption(GroupBy::Method).unwrap(), format).unwrap()?;
    Some(String::from_utf8(drawn).unwrap())
}

#[test]
fn one_run_is_drawn_by_phases_and_several_as_a_distribution() {
    let runs = several();
    let one = of(&runs[2..3], PaperFormat::Figure).unwrap();
    for part in ["width=\"85mm\"", "link to radio", "gap at the far end", "none lost", "ping interval 100 ms", ">1743<", ">1855<"] {
        assert!(one.contains(part), "{part} is missing:\n{one}");
    }
    // Nobody serves in the three phases after the stopping of the source, and the legend has one more.
    assert_eq!(one.matches(&format!("<rect x=\"{}", "")).count(), 7 + 1 + 2, "{one}");
    assert_eq!(one.lines().filter(|line| line.starts_with("<rect") && line.contains(canvas::DARK)).count(), 3 + 1, "{one}");
    let relay = of(&runs[6..7], PaperFormat::Figure).unwrap();
    assert!(relay.contains(">1858<") && !relay.contains(">1743<"), "{relay}");
    let all = of(&runs, PaperFormat::Figure).unwrap();
    let successes = runs.iter().filter(|run| run.outcome == Outcome::Ok).count();
    assert_eq!(all.matches("<circle").count(), successes, "a dot a run");
    assert!(all.contains("interruption by phases, ms, logarithmic") && all.contains(">paper, relay<"), "{all}");
    assert_eq!(all, of(&runs, PaperFormat::Figure).unwrap());
}

#[test]
fn what_moves_nothing_and_what_was_refused_is_not_drawn() {
    let mut start = several().swap_remove(0);
    start.order = Order::DS;
    let mut refused = several().swap_remove(1);
    (refused.outcome, refused.total_ms) = (Outcome::Failed, 0.0);
    refused.phases.clear();
    refused.failure = Some(protocol::Failure::new(protocol::ErrorCode::State, "M was not begun"));
    for format in [PaperFormat::Figure, PaperFormat::Latex, PaperFormat::Markdown] {
        assert_eq!(of(&[start.clone(), refused.clone()], format), None);
    }
}

#[test]
fn an_axis_has_decades_where_the_figures_need_them() {
    let runs = several();
    let all: Vec<&RunRecord> = runs.iter().filter(|run| run.method == Method::Cold && !run.relay).collect();
    let mut distribution = Distribution::of_interruption(GroupBy::Run).unwrap();
    let drawn = |distribution: &Distribution| of_groups(&all, distribution).unwrap().svg();
    assert!(!drawn(&distribution).contains("logarithmic"), "300 to 1 855 ms is less than a decade");
    distribution.axis = Some(AxisKind::Log);
    let log = drawn(&distribution);
    assert!(log.contains("logarithmic") && log.contains(">100<") && log.contains(">10000<"), "{log}");
}

#[test]
fn tables_have_the_medians_and_no_needless_digits() {
    let runs = several();
    let markdown = of(&runs, PaperFormat::Markdown).unwrap();
    let row = |name: &str| markdown.lines().find(|line| line.starts_with(&format!("| {name}"))).unwrap().to_owned();
    assert!(row("pings lost (count)").contains("| 2 (2) |"), "{markdown}");
    assert!(row("interruption by lost pings").contains("none lost"), "{markdown}");
    assert!(row("link entity to radio").ends_with("| 1743 |"), "{markdown}");
    let widths: Vec<usize> =
        markdown.lines().take_while(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{markdown}");
    let latex = of(&runs[2..3], PaperFormat::Latex).unwrap();
    assert!(latex.contains("\\toprule\nms & hot & paper \\\\\n") && latex.matches("\\midrule").count() == 2, "{latex}");
    assert!(latex.contains("interruption by lost pings & none lost & 1900 \\\\"), "{latex}");
}

/// Draws the figures, to be looked at: `BATON_PICTURES=/tmp/x cargo test -p baton --lib figures_to_look_at -- --ignored`.
#[test]
#[ignore = "draws figures for people to look at"]
fn figures_to_look_at() {
    let folder = std::path::PathBuf::from(std::env::var_os("BATON_PICTURES").expect("BATON_PICTURES names a folder"));
    let runs = several();
    for (name, of) in
        [("hot", &runs[2..3]), ("classic", &runs[1..2]), ("failed", &runs[5..6]), ("relay", &runs[6..7]), ("all", &runs[..])]
    {
        let of: Vec<&RunRecord> = of.iter().collect();
        for (format, ending) in
            [(PaperFormat::Figure, "svg"), (PaperFormat::Pdf, "pdf"), (PaperFormat::Latex, "tex"), (PaperFormat::Markdown, "md")]
        {
            let drawn = bytes(&of, &Distribution::of_interruption(GroupBy::Method).unwrap(), format).unwrap().unwrap();
            std::fs::write(folder.join(format!("{name}.{ending}")), drawn).unwrap();
        }
    }
}
