//! The table of what the console does for its operator: copying, and settings that were saved.

pub const TABLE: &[(&str, &str)] = &[
    ("{0}: {1}", "{0}：{1}"),
    // Whom a check is about.
    ("radio", "射频设备"),
    ("far end", "远端"),
    ("copy", "复制"),
    (
        "copy to the terminal's clipboard: a run's identity, its figures, the last error",
        "复制到终端剪贴板：运行标识、其数据、最近的错误",
    ),
    ("to the terminal's clipboard, if it allows that: {0}", "已送往终端剪贴板（须终端允许）：{0}"),
    ("Tab: {0}", "Tab：{0}"),
    ("no run to copy yet", "尚无可复制的运行"),
    ("no figures to copy: the run has no record yet", "没有可复制的数据：该次运行尚无记录"),
    ("no error to copy", "没有可复制的错误"),
    ("the settings stay as they were", "设置保持不变"),
    ("the settings were saved and hold from now on", "设置文件已保存，即刻生效"),
];

/// Mistakes in the settings file, whose sentences are put together from several places.
pub const MISTAKES: &[(&str, &str)] = &[
    ("{0}, line {1}, key `{2}`: {3}", "{0} 第 {1} 行，键 `{2}`：{3}"),
    ("{0}, line {1}: {2}", "{0} 第 {1} 行：{2}"),
    ("the settings {0} cannot be read: {1}", "设置文件 {0} 无法读取：{1}"),
    ("unknown value `{0}`, expected one of {1}", "未知的值 `{0}`，可用：{1}"),
    ("unknown value `{0}`, expected {1} or {2}", "未知的值 `{0}`，可用：{1} 或 {2}"),
    ("unknown key `{0}`, expected one of {1}", "未知的键 `{0}`，可用：{1}"),
    ("invalid type: {0}, expected {1}", "类型错误：{0}，应为 {1}"),
    ("there is no such action; they are {0}", "没有这个操作；可用：{0}"),
    ("there is no such colour; they are {0}", "没有这个颜色；可用：{0}"),
    ("a key is one printable character, as in \"f\"; several stand in a list", "按键为单个可打印字符，如 \"f\"；多个按键写成列表"),
    (
        "the key \"{0}\" would mean both {1} and {2}; give the other one a key too",
        "按键 \"{0}\" 会同时表示 {1} 与 {2}；请为另一个也指定按键",
    ),
    ("a colour is a number of the 256, or \"#rrggbb\"", "颜色为 256 色编号，或 \"#rrggbb\""),
    ("docs/console.md lists what the settings file may hold", "设置文件的内容见 docs/console.md"),
];
