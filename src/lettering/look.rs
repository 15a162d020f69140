//! temporary
use super::*;
#[test]
fn look() {
    std::fs::create_dir_all("/tmp/look").unwrap();
    let l = Letterer::new(Settings { folder: "/usr/share/fonts/truetype/noto".into() });
    let base = |w: u32, h: u32| {
        let rgb = (0..h)
            .flat_map(|y| {
                (0..w).flat_map(move |x| {
                    let (fx, fy) = (x as f32 / w as f32, y as f32 / h as f32);
                    let stripes = if (x * 40 / w.max(1) + y * 40 / h.max(1)) % 2 == 0 { 30.0 } else { 0.0 };
                    [(200.0 * fx + stripes) as u8, (150.0 * fy + stripes) as u8, (220.0 - 180.0 * fx * fy) as u8]
                })
            })
            .collect();
        Picture { width: w, height: h, rgb }
    };
    let long = "Съешь же ещё этих мягких французских булок, да выпей чаю. ".repeat(17);
    let cases: Vec<(&str, u32, u32, String, &str)> = vec![
        (
            "a",
            1024,
            768,
            "Привет, мир! 🎉👨‍👩‍👧‍👦\nС днём рождения 🇷🇺👋🏽 1️⃣❤️".into(),
            "Крупный белый текст снизу, чёрная плашка с размытием 8",
        ),
        ("b", 1024, 768, "Сезон скидок".into(), ""),
        ("c", 800, 600, long.chars().take(1000).collect(), "обычный текст в центре, белая плашка с прозрачностью 30%"),
        ("d", 64, 64, "Чай ☕\nготов".into(), "крупный, на плашке"),
        ("e", 4000, 2500, "Большая картинка 🚀".into(), "огромный жёлтый текст сверху с чёрной обводкой и тенью"),
        ("f", 600, 600, "שלום עולם\nمرحبا بالعالم\nHello".into(), "size 60, center, red with a white outline"),
        ("g", 500, 900, "Самообслуживание превыше всего".into(), "огромный"),
        ("h", 900, 300, "A".repeat(200), "72px top left, white box"),
        ("i", 700, 500, "漢字 ★ → ✓ № ₽ €".into(), "large text bottom right with a shadow, 10% margin"),
        ("j", 8000, 10, "узко".into(), "плашка"),
        ("k", 1, 1, "x 🎉".into(), "на чёрной плашке с размытием"),
        ("m", 1024, 1024, "left\nи ещё строка подлиннее".into(), "полупрозрачный текст слева, плашка чёрная 60%"),
    ];
    for (n, w, h, t, s) in cases {
        let at = std::time::Instant::now();
        let r = l.letter(&base(w, h), &t, s).unwrap();
        println!("{n} {:?} {:?}", at.elapsed(), r.remarks);
        std::fs::write(format!("/tmp/look/{n}.png"), r.picture.to_png(&[]).unwrap()).unwrap();
    }
}
