//! The pictures. For each group of rows, the figures of all runtimes beside ours; and the curves for a growing number.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::PEERS;
use crate::results::Results;
use crate::rows::table::{Line, ROWS, Row, SCALES};

type Result<T> = std::result::Result<T, Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub struct Plot {
    pub file: String,
    pub title: String,
}

/// Okabe and Ito's colours, one for each of `PEERS`. The strongest is ours. The second set-up of a runtime has a shade of the
/// first.
const COLOURS: [RGBColor; 13] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xe8, 0xc3, 0xd8),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0xc9, 0xbc, 0x00),
    RGBColor(0x66, 0x66, 0x66),
    RGBColor(0x11, 0x11, 0x11),
    RGBColor(0xaa, 0xaa, 0xaa),
    RGBColor(0x00, 0x3d, 0x66),
    RGBColor(0x7a, 0x1f, 0x00),
];

pub fn draw(results: &Results, folder: &Path) -> Result<Vec<Plot>> {
    let mut plots = Vec::new();
    let mut groups: Vec<_> = ROWS.iter().map(|row| row.group).collect();
    groups.dedup();
    for group in groups {
        let lines: Vec<_> = ROWS
            .iter()
            .filter(|row| row.group == group)
            .flat_map(pairs)
            .filter(|(row, line)| ours(results, row, line).is_some())
            .collect();
        if !lines.is_empty() {
            let file = format!("{}.svg", group.to_lowercase().replace(' ', "-"));
            beside(results, &lines, group, &folder.join(&file))?;
            plots.push(Plot {
                file,
                title: group.to_string(),
            });
        }
    }
    for row in SCALES {
        for line in row.lines {
            if results
                .scales
                .get(row.name)
                .is_some_and(|peers| !peers.is_empty())
            {
                let file = format!("{}-{}.svg", row.name.replace('_', "-"), line.metric);
                curves(results, row, line, &folder.join(&file))?;
                plots.push(Plot {
                    file,
                    title: line.label.to_string(),
                });
            }
        }
    }
    Ok(plots)
}

fn pairs(row: &'static Row) -> impl Iterator<Item = (&'static Row, &'static Line)> {
    row.lines.iter().map(move |line| (row, line))
}

fn ours(results: &Results, row: &Row, line: &Line) -> Option<f64> {
    results.median_of(row.name, PEERS[0], line.metric)
}

/// One line of dots for each figure. A dot shows their figure divided by ours. To the right of the line, they need more than
/// we do.
fn beside(results: &Results, lines: &[(&Row, &Line)], title: &str, file: &Path) -> Result<()> {
    let height = 110 + 26 * lines.len() as u32;
    let root = SVGBackend::new(file, (1_100, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let (legend, root) = root.split_vertically(50);
    let has_any = |peer: &&str| {
        let mut figures = lines.iter();
        figures.any(|(row, line)| results.median_of(row.name, peer, line.metric).is_some())
    };
    keys(&legend, title, has_any)?;
    let rows = lines.len() as f64;
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .set_label_area_size(LabelAreaPosition::Left, 470)
        .set_label_area_size(LabelAreaPosition::Bottom, 36)
        .build_cartesian_2d((0.1..100.0).log_scale(), -rows..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(4)
        .x_label_formatter(&|ratio| format!("{ratio}"))
        .x_desc("times ours (to the right we are better, to the left they are)")
        .draw()?;
    chart.draw_series([PathElement::new(
        vec![(1.0, -rows), (1.0, 0.0)],
        BLACK.stroke_width(2),
    )])?;
    for (index, (row, line)) in lines.iter().enumerate() {
        let y = -0.5 - index as f64;
        let ours = ours(results, row, line).unwrap_or(f64::NAN);
        let style = ("sans-serif", 13).into_font().color(&BLACK);
        let place = chart.backend_coord(&(0.1, y));
        let place = root.map_coordinate_inverse(place);
        root.draw(&Text::new(line.label.to_string(), (12, place.1 - 6), style))?;
        // Ours last, so that it lies on top.
        for (peer, colour) in PEERS.iter().zip(COLOURS).rev() {
            let Some(theirs) = results.median_of(row.name, peer, line.metric) else {
                continue;
            };
            let ratio = if line.is_more_better {
                ours / theirs
            } else {
                theirs / ours
            };
            if ratio.is_finite() {
                chart.draw_series([Circle::new(
                    (ratio.clamp(0.1, 100.0), y),
                    5,
                    colour.mix(0.8).filled(),
                )])?;
            }
        }
    }
    root.present()?;
    Ok(())
}

trait Inverse {
    fn map_coordinate_inverse(&self, place: (i32, i32)) -> (i32, i32);
}

impl Inverse for Area<'_> {
    /// Maps the picture's coordinates to those of this part.
    fn map_coordinate_inverse(&self, place: (i32, i32)) -> (i32, i32) {
        let (left, top) = self.get_base_pixel();
        (place.0 - left, place.1 - top)
    }
}

/// The meaning of the colours, for the runtimes that are in the picture.
fn keys(area: &Area<'_>, title: &str, is_shown: impl Fn(&&str) -> bool) -> Result<()> {
    area.draw(&Text::new(
        title.to_string(),
        (12, 6),
        ("sans-serif", 18).into_font().color(&BLACK),
    ))?;
    let shown = PEERS.iter().zip(COLOURS).filter(|(peer, _)| is_shown(peer));
    for (index, (peer, colour)) in shown.enumerate() {
        let x = 260 + 140 * (index as i32 % 6);
        let y = 12 + 20 * (index as i32 / 6);
        area.draw(&Circle::new((x, y), 5, colour.filled()))?;
        area.draw(&Text::new(
            peer.to_string(),
            (x + 9, y - 7),
            ("sans-serif", 13).into_font().color(&BLACK),
        ))?;
    }
    Ok(())
}

/// The cost of one of many, against their number. Both axes are logarithmic. We claim that the curve is flat.
fn curves(results: &Results, row: &Row, line: &Line, file: &Path) -> Result<()> {
    let root = SVGBackend::new(file, (1_100, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let (legend, root) = root.split_vertically(50);
    let peers = &results.scales[row.name];
    keys(&legend, "", |peer| peers.contains_key(*peer))?;
    let points = |peer: &str| -> Vec<(f64, f64)> {
        let points = peers.get(peer).into_iter().flatten();
        points
            .filter_map(|(alive, figures)| {
                Some((*alive as f64, *figures.get(line.metric)?.first()?))
            })
            .collect()
    };
    let all: Vec<_> = PEERS.iter().flat_map(|peer| points(peer)).collect();
    let (low, high) = all
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), (_, y)| {
            (low.min(*y), high.max(*y))
        });
    let most = all.iter().fold(1_000.0, |most: f64, (x, _)| most.max(*x));
    let mut chart = ChartBuilder::on(&root)
        .margin(10)
        .set_label_area_size(LabelAreaPosition::Left, 70)
        .set_label_area_size(LabelAreaPosition::Bottom, 40)
        .build_cartesian_2d(
            (90.0..most * 1.1).log_scale(),
            (low * 0.8..high * 1.2).log_scale(),
        )?;
    let axis = format!("{}: {}", line.label, line.unit);
    chart
        .configure_mesh()
        .max_light_lines(1)
        .x_desc("how many")
        .y_desc(&axis)
        .x_label_formatter(&|alive| format!("{alive}"))
        .draw()?;
    for (peer, colour) in PEERS.iter().zip(COLOURS).rev() {
        let points = points(peer);
        chart.draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?;
        chart.draw_series(
            points
                .into_iter()
                .map(|point| Circle::new(point, 3, colour.filled())),
        )?;
    }
    root.present()?;
    Ok(())
}
