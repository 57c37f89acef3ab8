// MongoDB's users: an administrator, and velox, as whom the consumers log in: it may read and write their
// database and nothing else. The image runs this at the first start, where the volume is still empty.
// On a volume that has run before, docs/operations.md (Passwords) says how to run it. Without passwords
// it does nothing, and nobody is asked for one.
const administrator = {
  user: process.env.MONGO_INITDB_ROOT_USERNAME,
  pwd: process.env.MONGO_INITDB_ROOT_PASSWORD,
  roles: ["root"],
};
const consumers = {
  user: "velox",
  pwd: process.env.MONGO_PASSWORD,
  roles: [{ role: "readWrite", db: process.env.DB_NAME || "lab_discovery_db" }],
};
const users = db.getSiblingDB("admin");

function logIn(who) {
  try {
    users.auth(who.user, who.pwd);
    return true;
  } catch (refused) {
    return false;
  }
}

if (administrator.pwd && consumers.pwd && administrator.user !== consumers.user) {
  if (!logIn(administrator)) {
    // velox once was the administrator itself. Where there is no user at all, MongoDB lets the first
    // one be made from inside the container without a login.
    logIn(consumers);
    try {
      users.createUser(administrator);
    } catch (refused) {
      const known = `MongoDB knows another password of ${administrator.user} than the one set here`;
      throw new Error(`${known}: ${refused.message}`);
    }
    logIn(administrator);
  }
  if (users.getUser(consumers.user)) {
    users.updateUser(consumers.user, { pwd: consumers.pwd, roles: consumers.roles });
  } else {
    users.createUser(consumers);
  }
  const [{ db: theirs }] = consumers.roles;
  print(`${consumers.user} may read and write ${theirs} alone; ${administrator.user} administers`);
}
