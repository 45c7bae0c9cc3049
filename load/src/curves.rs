//! Growth curves, drawn on logarithmic axes: what grows in proportion is a
//! straight line of slope one and what does not grow lies flat.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use crate::report::Goal;
use crate::scenarios::{Setup, fanout, idle, lobby, stored};

/// Rooms in a full database, at most.
const MOST_ROOMS: usize = 1_000_000;

/// A line of a picture.
struct Line {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// Measures, and writes the pictures into `out`.
pub(crate) async fn draw(setup: &mut Setup, out: &Path, most: usize) -> Result<()> {
    std::fs::create_dir_all(out)?;
    let mut by_messages = stored_lines();
    let mut messages = 1_000;
    while messages <= most {
        let rooms = (messages / 10).min(MOST_ROOMS);
        stored_point(setup, &mut by_messages, messages, messages, rooms).await?;
        messages *= 10;
    }
    write(
        out,
        "growth-messages.svg",
        "messages stored, ten per room",
        &by_messages,
    )?;
    let mut by_rooms = stored_lines();
    let mut rooms = 10;
    while rooms <= most.min(MOST_ROOMS) {
        stored_point(setup, &mut by_rooms, rooms, rooms, rooms).await?;
        rooms *= 10;
    }
    write(
        out,
        "growth-rooms.svg",
        "rooms stored, one message in each",
        &by_rooms,
    )?;
    let mut cpu = line("CPU per delivery, µs");
    for subscribers in [1, 10, 100, 1_000] {
        let each = fanout::fanout(setup, subscribers, Goal::None).await?;
        cpu.points.push((subscribers as f64, each));
    }
    write(
        out,
        "growth-subscribers.svg",
        "subscribers of one room",
        &[cpu],
    )?;
    let mut cpu = line("server CPU, % of a core");
    for consoles in [1, 3, 10, 30] {
        let percent = lobby::lobby(setup, 200, consoles).await?;
        cpu.points.push((consoles as f64, percent));
    }
    write(
        out,
        "growth-consoles.svg",
        "consoles, 200 rooms with two messages a second",
        &[cpu],
    )?;
    let mut memory = line("resident, MB");
    for visitors in [10, 100, 1_000, 10_000] {
        memory
            .points
            .push((visitors as f64, idle::idle(setup, visitors).await?));
    }
    write(
        out,
        "growth-live-rooms.svg",
        "live rooms, one idle visitor in each",
        &[memory],
    )
}

/// Bounds on the size and speed of a full database.
fn stored_lines() -> [Line; 4] {
    [
        line("ready, ms"),
        line("first page p99, ms"),
        line("search p99, ms"),
        line("CPU per message, µs"),
    ]
}

/// Measures one database, for one point of each line.
async fn stored_point(
    setup: &mut Setup,
    lines: &mut [Line; 4],
    at: usize,
    messages: usize,
    rooms: usize,
) -> Result<()> {
    let cost = stored::stored(setup, messages, rooms).await?;
    let figures = [
        cost.ready_ms,
        cost.page_p99_ms,
        cost.search_p99_ms,
        cost.cpu_us,
    ];
    for (line, figure) in lines.iter_mut().zip(figures) {
        line.points.push((at as f64, figure));
    }
    Ok(())
}

fn line(name: &'static str) -> Line {
    Line {
        name,
        points: Vec::new(),
    }
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 44.0;
const TOP: f64 = 16.0;
const RIGHT: f64 = 190.0;
const COLORS: [&str; 4] = ["#2f6fd0", "#c2571a", "#2b8a4b", "#8b4bb0"];

fn write(out: &Path, file: &str, axis: &str, lines: &[Line]) -> Result<()> {
    let all = || lines.iter().flat_map(|line| line.points.iter());
    let decades = |values: Vec<f64>| {
        let low = values
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min)
            .max(1e-3);
        let high = values.iter().copied().fold(1e-3, f64::max);
        let (low, high) = (low.log10().floor(), high.log10().ceil());
        (low, if high > low { high } else { low + 1.0 })
    };
    let (x0, x1) = decades(all().map(|point| point.0).collect());
    let (y0, y1) = decades(all().map(|point| point.1).collect());
    let x = |value: f64| LEFT + (value.log10() - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| {
        HEIGHT - BOTTOM - (value.max(1e-3).log10() - y0) / (y1 - y0) * (HEIGHT - BOTTOM - TOP)
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    for decade in x0 as i32..=x1 as i32 {
        let at = x(10_f64.powi(decade));
        writeln!(
            svg,
            "<path d=\"M{at:.1} {TOP}V{}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - BOTTOM + 16.0,
            power(decade)
        )?;
    }
    for decade in y0 as i32..=y1 as i32 {
        let at = y(10_f64.powi(decade));
        writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            power(decade)
        )?;
    }
    writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{axis}</text>",
        LEFT + (WIDTH - LEFT - RIGHT) / 2.0,
        HEIGHT - 8.0
    )?;
    for (line, color) in lines.iter().zip(COLORS) {
        let points: Vec<String> = line
            .points
            .iter()
            .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
            .collect();
        writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
            points.join(" ")
        )?;
        for point in &line.points {
            writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{color}\"/>",
                x(point.0),
                y(point.1)
            )?;
        }
    }
    for (at, (line, color)) in lines.iter().zip(COLORS).enumerate() {
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" fill=\"{color}\">{}</text>",
            WIDTH - RIGHT + 12.0,
            TOP + 14.0 + 20.0 * at as f64,
            line.name
        )?;
    }
    svg.push_str("</svg>\n");
    Ok(std::fs::write(out.join(file), svg)?)
}

fn power(decade: i32) -> String {
    match decade {
        ..0 => format!("{}", 10_f64.powi(decade)),
        0..4 => format!("{}", 10_i64.pow(decade as u32)),
        4..6 => format!("{}k", 10_i64.pow(decade as u32 - 3)),
        _ => format!("{}M", 10_i64.pow(decade as u32 - 6)),
    }
}
