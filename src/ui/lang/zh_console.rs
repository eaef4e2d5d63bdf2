//! The table of what the console does for its operator: copying, and settings that were saved.

pub const TABLE: &[(&str, &str)] = &[
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
