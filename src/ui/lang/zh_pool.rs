//! The console's Chinese: what agents say of a pool's servers.

/// The panel of a server. English, Chinese.
pub const TABLE: &[(&str, &str)] = &[(" DRAINED ", " 已排空 ")];

/// English, Chinese.
pub const SAID: &[(&str, &str)] = &[
    ("{0} is drained: it takes on no work", "{0} 已排空：不承接业务"),
    ("it is drained: it takes on no work", "已排空：不承接业务"),
    ("{0} is drained no longer", "{0} 已解除排空"),
    ("`baton pool undrain {0}` ends that", "用 `baton pool undrain {0}` 解除"),
    ("--force overrides it once", "--force 可强制一次"),
    (
        "the standby has taken over from this process and says that it serves: the streams stay there",
        "热备已从本进程接替并正在服务：数据流留在热备处",
    ),
    ("no other server is known to own the radio: there is nobody to follow", "尚无其他服务器占有射频设备：无从跟随"),
];
