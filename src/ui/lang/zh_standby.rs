//! The table of the armed standby.

pub const TABLE: &[(&str, &str)] = &[
    (" ARMED STANDBY ", " 热备就绪 "),
    ("standby", "热备"),
    ("arm", "启用热备"),
    ("disarm", "停用热备"),
    (
        "the server that does not serve follows the other one, and takes over when that dies",
        "未承担业务的服务器跟随另一台，并在其失效时接替",
    ),
    ("it follows no longer", "停止跟随"),
    ("no server serves: there is nothing to follow", "没有服务器承担业务：无可跟随"),
    ("no server follows another one", "没有服务器在跟随另一台"),
    ("{0} is to follow {1} as a standby", "{0} 将作为热备跟随 {1}"),
    ("{0} follows no longer", "{0} 已停止跟随"),
    ("not armed", "热备未就绪"),
    ("not armed: {0}", "热备未就绪：{0}"),
    ("not armed yet", "热备尚未就绪"),
    ("not armed: it hears no samples of the radio", "热备未就绪：收不到电台的采样"),
    ("not armed: no heartbeat of {0} yet", "热备未就绪：尚未收到 {0} 的心跳"),
    ("{0} has ended in order", "{0} 已正常结束"),
    ("the radio's network brings no heartbeat", "射频网络无心跳"),
    ("the management network brings no heartbeat", "管理网络无心跳"),
    ("armed; {0}", "热备就绪；{0}"),
    ("armed, one network silent", "热备就绪，一个网络无心跳"),
    ("armed: follows {0}, {1} ms behind, takes over after {2} ms", "热备就绪：跟随 {0}，落后 {1} ms，静默 {2} ms 后接替"),
    ("armed: takes over after {0} ms", "热备就绪：静默 {0} ms 后接替"),
    ("the standby went on: the source fell silent", "源端静默，热备继续"),
    ("{1} goes on in the place of {0}.", "{1} 代替 {0} 继续。"),
    ("notice the silence", "发现静默"),
];

/// What agents say of it.
pub const SAID: &[(&str, &str)] = &[
    ("{0} has taken over: {1}", "{0} 已接替：{1}"),
    ("{0} has taken over, and may not: {1}", "{0} 已接替，但不得接替：{1}"),
    ("{0} sent no heartbeat for {1} ms", "{0} 已 {1} ms 没有心跳"),
    ("{0} said that it has heard no samples of the radio for {1} ms", "{0} 报告已 {1} ms 未收到射频采样"),
    ("{0} said that its D2D process has done nothing for {1} ms", "{0} 报告其 D2D 进程已 {1} ms 没有进展"),
    ("{0} has taken over (epoch {1}): {2} gives way", "{0} 已接替（任期 {1}）：{2} 让出"),
    (
        "{0} serves from its parked address, which a standby needs: the radio's address is not free yet",
        "{0} 正以停用地址服务，而热备需要该地址：射频地址尚未空出",
    ),
    ("whoever has it gives it up when its agent answers; then arm again", "占用者的代理应答后即让出该地址；然后再次启用热备"),
    ("Cause: {0}.", "原因：{0}。"),
    (
        "a restart there is expected to take {0} ms, by the median of its last starts ({1}), and the take-over took {2} ms",
        "按最近 {1} 次启动的中位数，在该机重启预计需 {0} ms，而接替用时 {2} ms",
    ),
    (
        "no start on {0} was measured that a restart could be expected by, and the take-over took {1} ms",
        "{0} 上没有可据以预计重启用时的启动记录，而接替用时 {1} ms",
    ),
    ("The first burst of {0} was not seen: this phase is not measured.", "未见到 {0} 的首个突发：该阶段未测量。"),
    // Checks.
    (
        "{0} follows as a standby; the move ends it, and afterwards {1} follows",
        "{0} 正作为热备跟随；迁移将使其停止，此后由 {1} 跟随",
    ),
    ("no standby follows now; after the move {0} follows", "当前没有热备跟随；迁移后由 {0} 跟随"),
    (
        "{0} follows as a standby; the move ends it, and nobody follows afterwards",
        "{0} 正作为热备跟随；迁移将使其停止，此后无人跟随",
    ),
    (
        "{0} follows as a standby; the move ends it, and nobody follows afterwards: {1}",
        "{0} 正作为热备跟随；迁移将使其停止，此后无人跟随：{1}",
    ),
    ("nobody follows after the move, though policy = \"armed\": {0}", "迁移后无人跟随，而 policy = \"armed\"：{0}"),
    ("`baton do arm` after the move has {0} follow", "迁移后用 `baton do arm` 让 {0} 跟随"),
    ("`baton do arm` afterwards arms it", "此后用 `baton do arm` 启用"),
    ("--force moves the work all the same", "--force 可强制迁移"),
    ("{0} does not follow by itself", "{0} 不会自行跟随"),
    ("{0} take-overs within {1} minutes: {2} no longer follows by itself", "{1} 分钟内接替 {0} 次：{2} 不再自行跟随"),
    ("find the cause in `baton runs`", "请在 `baton runs` 中查找原因"),
    ("`baton do arm` arms it again", "`baton do arm` 重新启用"),
    ("no standby can follow {0}", "热备无法跟随{0}"),
    ("a work in a pod", "容器中的业务"),
    ("a virtual machine", "虚拟机"),
    (
        "at this rate the receive streams of both hosts do not fit on the radio's gigabit together: no standby can follow",
        "在此采样率下，两台主机的接收流无法同时通过射频设备的千兆链路：热备无法跟随",
    ),
];
