//! A plot as SVG, complete in itself.

use plotters::{
    prelude::{
        ChartBuilder, Color as _, IntoDrawingArea as _, IntoFont as _, IntoLogRange as _, LineSeries, Palette as _,
        Palette99, PathElement, SVGBackend, Text, WHITE,
    },
    series::DashedLineSeries,
};

/// Width and height, pixels.
const SIZE: (u32, u32) = (900, 450);

/// Of it, for saying which colour is whose: above the plot, because within it it would cover somebody's end.
const LEGEND: u32 = 30;

/// Of the legend, for each.
const NAME: i32 = 120;

/// Whose, and its points.
pub(crate) type Line = (String, Vec<(f64, f64)>);

/// A plot, its vertical axis logarithmic: servers differ by more than they change.
pub(crate) fn plot(lines: &[Line], x: &str, y: &str) -> anyhow::Result<String> {
    let all = || lines.iter().flat_map(|(_, points)| points);
    let high = all().map(|point| point.1).fold(1.0, f64::max);
    let low = all().map(|point| point.1).filter(|value| *value > 0.0).fold(high, f64::min);
    let (left, right) =
        all().fold((f64::MAX, f64::MIN), |(left, right), point| (left.min(point.0), right.max(point.0)));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let (legend, area) = area.split_vertically(LEGEND);
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(72)
            .build_cartesian_2d(left..right.max(left + 1.0), (low / 1.2..high * 1.2).log_scale())?;
        chart.configure_mesh().max_light_lines(1).x_desc(x).y_desc(y).draw()?;
        for (index, (server, points)) in lines.iter().enumerate() {
            let color = Palette99::pick(index).to_rgba();
            let points = points.iter().copied().filter(|(_, value)| *value > 0.0);
            if server == "ours" {
                chart.draw_series(LineSeries::new(points, color.stroke_width(4)))?;
            } else {
                chart.draw_series(DashedLineSeries::new(points, 8, 4, color.stroke_width(2)))?;
            }
            let at = 24 + NAME * i32::try_from(index)?;
            legend.draw(&PathElement::new([(at, 19), (at + 22, 19)], color.stroke_width(4)))?;
            legend.draw(&Text::new(server.clone(), (at + 28, 12), ("sans-serif", 15).into_font()))?;
        }
        area.present()?;
    }
    Ok(svg)
}
