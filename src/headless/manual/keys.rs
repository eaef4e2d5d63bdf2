//! Manual pages of `baton key`.

use super::pages::{CLUSTER, DONE, Page, UNREACHED, USAGE};

const KEYS: (&str, &str) = (
    "cluster.key, cluster.key.next, cluster.key.previous",
    "The key that key_file names, and during a change the next and the previous one beside it: 16 bytes or more, for their owner alone.",
);

/// The pages.
pub const PAGES: &[Page] = &[
    Page {
        command: "key",
        about: &[
            "A key is changed in three steps, each of which every host takes before the next one begins: all accept the next key, all work with it, all accept it alone. \
             Nothing is interrupted: connections that are open stay. An agent reads the keys again at SIGHUP.",
            "An operator's certificate has a role: watch sees everything and changes nothing, operate gives orders, admin may use every command.",
        ],
        exit: &[DONE, ("1", "A host is not as far, or a file cannot be written; nothing was changed."), USAGE, UNREACHED],
        examples: &[
            ("baton key show", "Which keys are here, and what every host does with them."),
            ("baton key new", "Make the next key, and say what to do with it."),
            ("baton key rotate", "Work with it, once every host accepts it."),
            ("baton key retire", "End the change, once every host works with it."),
            (
                "baton key issue ada@lab --role watch --out ada.pem",
                "A certificate with which ada sees everything and changes nothing.",
            ),
        ],
        files: &[CLUSTER, KEYS],
        see: &["baton-key-show", "baton-key-new", "baton-key-rotate", "baton-key-retire", "baton-key-issue", "baton-agent"],
    },
    Page {
        command: "key show",
        about: &["It shakes hands with every agent, with each key of this machine in turn."],
        exit: &[DONE, ("1", "A key cannot be read."), USAGE, UNREACHED],
        examples: &[("baton key show --json", "For programs.")],
        files: &[CLUSTER, KEYS],
        see: &["baton-key", "baton-status"],
    },
    Page {
        command: "key new",
        about: &["It writes the next key beside the current one, with the same owner, and says what to do with it."],
        exit: &[DONE, ("1", "A change is under way, or the file cannot be written."), USAGE, UNREACHED],
        examples: &[("baton key new", "Begin a change.")],
        files: &[CLUSTER, KEYS],
        see: &["baton-key", "baton-key-rotate"],
    },
    Page {
        command: "key rotate",
        about: &["The current key becomes the previous one, the next key the current one. Agents read them at SIGHUP."],
        exit: &[DONE, ("1", "There is no next key, or a host does not accept it yet."), USAGE, UNREACHED],
        examples: &[
            ("baton key rotate && systemctl reload baton-agent@server1", "On server1."),
            ("baton key rotate --force", "Although a host does not answer."),
        ],
        files: &[CLUSTER, KEYS],
        see: &["baton-key", "baton-key-retire"],
    },
    Page {
        command: "key retire",
        about: &[
            "The previous key is removed. Agents that have read the keys again refuse it then, and every certificate that it has issued.",
        ],
        exit: &[DONE, ("1", "There is no previous key, or a host does not work with the new one yet."), USAGE, UNREACHED],
        examples: &[("baton key retire && systemctl reload baton-agent@server1", "On server1.")],
        files: &[CLUSTER, KEYS],
        see: &["baton-key", "baton-key-show"],
    },
    Page {
        command: "key issue",
        about: &[
            "Roles: watch sees everything and changes nothing; operate gives orders, go and cancel; admin may use every command. Whoever has the key has every right.",
        ],
        exit: &[DONE, ("1", "The file is there already, or cannot be written."), USAGE, UNREACHED],
        examples: &[("baton key issue ada@lab --role operate --out ada.pem", "A certificate with which ada gives orders.")],
        files: &[CLUSTER, KEYS],
        see: &["baton-key", "baton-do"],
    },
];
