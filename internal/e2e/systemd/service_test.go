package systemd_test

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"envoyd/internal/sim"
	"envoyd/internal/status"
)

// One boot for all of it, in the order in which a user meets it.
func TestServiceInABootedDebian(t *testing.T) {
	g := boot(t)
	for _, step := range []struct {
		name string
		do   func(*guest)
	}{
		{"it is ready without a network", installed},
		{"its folders belong to it alone", folders},
		{"its secrets come as credentials", credentials},
		{"the seconds are spooled in memory", spool},
		{"the sandbox lets it ask for the clock and little else", sandbox},
		{"the journal knows how bad it is", priorities},
		{"a good change is taken over", reloaded},
		{"a bad change is refused", refused},
		{"a kill loses nothing", killed},
		{"a stopped loop is ended by the watchdog", watched},
		{"a stop is orderly", stopped},
		{"a faulty file is not tried again", faulty},
		{"removing it leaves the history", removed},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			inner := *g
			inner.t = t
			step.do(&inner)
		}) {
			return // what follows stands on it
		}
	}
}

func installed(g *guest) {
	out := g.must("/opt/envoyd/scripts/install.sh")
	if !strings.Contains(out, "envoyd runs") {
		g.t.Errorf("the script says %q", out)
	}
	if got := g.unit("ActiveState", "SubState", "NRestarts", "UnitFileState"); got != "0 active running enabled" {
		g.t.Errorf("the service is %q", got)
	}
	g.wait("health that says what is missing", func() bool { return g.condition("discovery").State == status.Red })
}

// folders looks with this machine's eyes: a user namespace cannot pretend.
func folders(g *guest) {
	for path, want := range map[string]string{
		"/var/lib/envoyd": "700 envoyd envoyd", "/run/envoyd": "750 envoyd envoyd",
		"/run/envoyd/envoyd.sock": "660 envoyd envoyd", "/etc/envoyd/envoyd.yaml": "640 root envoyd",
		"/etc/envoyd": "750 root envoyd",
	} {
		if got := g.must("stat", "-c", "%a %U %G", path); got != want {
			g.t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	out := g.must("find", "/var/lib/envoyd", "-type", "f", "-not", "-perm", "600", "-o", "-type", "d", "-not", "-perm", "700")
	if out != "" {
		g.t.Errorf("others may look into %s", out)
	}
}

const override = "/etc/systemd/system/envoyd.service.d/test.conf"

// credentials starts a simulated home in the guest and gives the service its
// secrets in files that only root can read.
func credentials(g *guest) {
	home := simulate(g)
	g.write("/etc/credentials/mqtt", home["password"], 0o600)
	g.write("/etc/credentials/token", home["token"], 0o600)
	g.write(override, "[Service]\nLoadCredential=mqtt.password:/etc/credentials/mqtt\n"+
		"LoadCredential=gateways."+sim.DefaultSerial+".token:/etc/credentials/token\n", 0o644)
	configure(g, home, "Home")
	g.must("systemctl", "daemon-reload")
	g.must("systemctl", "restart", unitName)
	g.fresh()
	g.wait("the broker", func() bool { return g.condition("mqtt").State == status.Green })
	if c := g.condition("token/" + sim.DefaultSerial); c.State != status.Green {
		g.t.Errorf("the token is %+v", c)
	}
	clock := g.condition("clock")
	if clock.State != status.Green {
		g.t.Errorf("the clock is %+v", clock)
	}
}

// home is the simulated one; kept in files of the guest so that each step can
// ask for it.
func configure(g *guest, home map[string]string, name string) {
	g.t.Helper()
	g.write("/etc/envoyd/envoyd.yaml", "gateways: [{serial: \""+sim.DefaultSerial+"\", name: "+name+", address: \""+home["gateway"]+"\"}]\n"+
		"mqtt: {url: \"mqtt://"+home["broker"]+"\", username: "+home["user"]+"}\n", 0o640)
	g.must("chgrp", "envoyd", "/etc/envoyd/envoyd.yaml")
}

// simulate starts envoysim in the guest and returns what it prints, by name.
func simulate(g *guest) map[string]string {
	g.t.Helper()
	cmd := g.command("/opt/envoyd/build/envoysim", "-listen", "127.0.0.1:8443", "-broker", "127.0.0.1:0", "-print-token")
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil { // it ends with the guest
		g.t.Fatal(err)
	}
	home := map[string]string{}
	lines := bufio.NewScanner(out)
	for home["token"] == "" && lines.Scan() {
		f := strings.Fields(lines.Text())
		switch f[0] {
		case "gateway":
			home["gateway"] = strings.TrimPrefix(f[1], "https://")
		case "token":
			home["token"] = f[1]
		case "mqtt":
			login, broker, _ := strings.Cut(strings.TrimPrefix(f[1], "mqtt://"), "@")
			home["broker"] = broker
			home["user"], home["password"], _ = strings.Cut(login, ":")
		}
	}
	if home["token"] == "" {
		g.t.Fatalf("the simulated home says only %v", home)
	}
	text := ""
	for k, v := range home {
		text += k + " " + v + "\n"
	}
	g.write("/opt/home", text, 0o600)
	return home
}

// home reads back what simulate wrote.
func (g *guest) home() map[string]string {
	g.t.Helper()
	home := map[string]string{}
	for line := range strings.Lines(g.must("cat", "/opt/home")) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		home[k] = v
	}
	return home
}

// A service's runtime folder is a tmpfs: it outlives the daemon, and spares
// the card.
func spool(g *guest) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(g.path("/run/envoyd"), &fs); err != nil || fs.Type != 0x01021994 {
		g.t.Errorf("the runtime folder is no tmpfs: %x, %v", fs.Type, err)
	}
	g.wait("a spool in memory", func() bool {
		all, _ := filepath.Glob(g.path("/run/envoyd/*"))
		return slices.ContainsFunc(all, func(path string) bool {
			info, err := os.Stat(path)
			return err == nil && (info.IsDir() || info.Mode().IsRegular())
		})
	})
}

// sandbox runs a probe in place of the daemon, with everything else the same.
func sandbox(g *guest) {
	g.must("sh", "-c", "sed -e 's/^Type=.*/Type=oneshot/' -e '/^Restart/d' -e '/^WatchdogSec/d' "+
		"-e 's,^ExecStart=.*,ExecStart=/opt/envoyd/build/probe,' -e '/Directory/d' -e '$aEnvironment="+probeKey+"=1' "+
		"/etc/systemd/system/envoyd.service | sed -e '/^Environment="+probeKey+"/d' -e '/^.Service.$/aEnvironment="+probeKey+"=1' "+
		">/run/systemd/system/probe.service")
	g.must("systemctl", "daemon-reload")
	g.must("systemctl", "start", "probe.service")
	g.wait("the probe's words", func() bool { return strings.Contains(g.must("journalctl", "-u", "probe", "-o", "cat"), "etc:") })
	out := g.must("journalctl", "-u", "probe", "-o", "cat")
	for _, want := range []string{"adjtimex: <nil>", "adjtimex to set: operation not permitted", "root's home: open /root: permission denied", "etc: open /etc/envoyd-probe: read-only file system"} {
		if !strings.Contains(out, want) {
			g.t.Errorf("want %q in:\n%s", want, out)
		}
	}
}

func priorities(g *guest) {
	warnings := g.must("journalctl", "-u", unitName, "-o", "cat", "-p", "4..4")
	if !strings.Contains(warnings, "health changed") || strings.Contains(warnings, "<4>") || strings.Contains(warnings, "level=") {
		g.t.Errorf("warnings in the journal:\n%s", warnings)
	}
	all := g.must("journalctl", "-u", unitName, "-o", "cat", "-p", "6..6")
	if strings.Contains(all, "<6>") {
		g.t.Errorf("priorities are left in the text:\n%s", all)
	}
}

// removed uninstalls: the program goes, what the user has collected stays.
func removed(g *guest) {
	g.must("/opt/envoyd/scripts/install.sh", "--remove")
	if _, err := g.run("test", "-e", "/usr/local/bin/envoyd"); err == nil {
		g.t.Error("the program is still there")
	}
	g.must("test", "-s", "/var/lib/envoyd/gateways.json")
	g.must("test", "-e", "/etc/envoyd/envoyd.yaml")
	if state, _ := g.run("systemctl", "is-active", unitName); state != "inactive" {
		g.t.Errorf("the service is %s", state)
	}
}
