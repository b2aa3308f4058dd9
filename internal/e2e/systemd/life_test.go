package systemd_test

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"envoyd/internal/parts"
	"envoyd/internal/status"
)

func (g *guest) name() string {
	if r := g.reading(); r != nil {
		return r.Name
	}
	return ""
}

func (g *guest) pid() string { g.t.Helper(); return g.unit("MainPID") }

func reloaded(g *guest) {
	pid := g.pid()
	configure(g, g.home(), "Casa")
	g.must("systemctl", "reload", unitName)
	g.wait("the new name", func() bool { return g.name() == "Casa" })
	g.fresh()
	// A service that was thought to stop would be in stop-sigterm here, and
	// killed later.
	g.wait("the reload to be over", func() bool { return g.unit("ActiveState", "SubState") == "active running" })
	if got := g.unit("NRestarts"); got != "0" || g.pid() != pid {
		g.t.Errorf("%s restarts, process %s was %s", got, g.pid(), pid)
	}
}

func refused(g *guest) {
	pid := g.pid()
	good := g.must("cat", "/etc/envoyd/envoyd.yaml")
	g.write("/etc/envoyd/envoyd.yaml", strings.Replace(good, "Casa", "Bad\nmqqt: {}", 1), 0o640)
	g.must("systemctl", "reload", unitName)
	g.wait("the fault to be told", func() bool { return g.condition("config").State == status.Yellow })
	g.fresh()
	if g.name() != "Casa" || g.pid() != pid || g.unit("ActiveState", "SubState") != "active running" {
		g.t.Errorf("name %s, process %s was %s, %s", g.name(), g.pid(), pid, g.unit("ActiveState", "SubState"))
	}
	g.write("/etc/envoyd/envoyd.yaml", good+"\n", 0o640)
	g.must("systemctl", "reload", unitName)
	g.wait("the fault to be gone", func() bool { return g.condition("config").State == status.Green })
}

// killed sees each second that was shown again in the history after SIGKILL.
func killed(g *guest) {
	pid := g.pid()
	shown := map[time.Time]bool{}
	g.wait("some readings", func() bool {
		if r := g.reading(); r != nil {
			shown[r.Time.Truncate(time.Second)] = true
		}
		return len(shown) > 8
	})
	g.must("systemctl", "kill", "-s", "KILL", unitName)
	g.wait("another process", func() bool { return g.pid() != pid && g.unit("SubState") == "running" })
	g.fresh()
	if got := g.unit("NRestarts"); got != "1" {
		g.t.Errorf("%s restarts", got)
	}
	kept := history(g)
	for at := range shown {
		if !kept[at] {
			g.t.Errorf("%s was shown and is not kept", at)
		}
	}
}

// history lists the seconds of the last minutes that are kept with power.
func history(g *guest) map[time.Time]bool {
	g.t.Helper()
	var answer struct{ Rows [][]any }
	now := time.Now()
	query := url.Values{"step": {"1s"}, "from": {now.Add(-5 * time.Minute).Format(time.RFC3339)}, "to": {now.Format(time.RFC3339)}}
	if err := g.get("/api/v1/history?"+query.Encode(), &answer); err != nil {
		g.t.Fatal(err)
	}
	kept := map[time.Time]bool{}
	for _, row := range answer.Rows {
		at, err := time.Parse(time.RFC3339, fmt.Sprint(row[0]))
		if err == nil && len(row) > 1 && row[1] != nil {
			kept[at.UTC()] = true
		}
	}
	return kept
}

// watched stops the process, as a deadlock would, with a watchdog that is not
// as patient as the real one.
func watched(g *guest) {
	g.must("sed", "-i", "$aWatchdogSec=5s\\nTimeoutAbortSec=2s", override)
	g.must("systemctl", "daemon-reload")
	g.must("systemctl", "restart", unitName)
	g.fresh()
	pid := g.pid()
	g.must("systemctl", "kill", "-s", "STOP", unitName)
	g.wait("the watchdog", func() bool { return g.pid() != pid && g.unit("SubState") == "running" })
	g.fresh()
	if out := g.must("journalctl", "-u", unitName, "-o", "cat"); !strings.Contains(out, "Watchdog timeout") {
		g.t.Error("it was not the watchdog")
	}
}

func stopped(g *guest) {
	home := g.home()
	host, port, _ := strings.Cut(home["broker"], ":")
	g.wait("the broker", func() bool { return g.condition("mqtt").State == status.Green })
	g.must("systemctl", "stop", unitName)
	if got := g.unit("Result", "ExecMainStatus", "SubState"); got != "success 0 dead" {
		g.t.Errorf("it ended with %q", got) // a timeout would say so here
	}
	out, err := g.outside(parts.Find(g.t, "mosquitto_sub"), "-h", host, "-p", port, "-u", home["user"], "-P", home["password"],
		"-t", "envoyd/status", "-C", "1", "-W", "30")
	if err != nil || out != "offline" {
		g.t.Errorf("the status topic says %q, %v", out, err)
	}
}

func faulty(g *guest) {
	good := g.must("cat", "/etc/envoyd/envoyd.yaml")
	g.write("/etc/envoyd/envoyd.yaml", "mqqt: {}\n", 0o640)
	if out, err := g.run("systemctl", "start", unitName); err == nil {
		g.t.Errorf("it started: %s", out)
	}
	if got := g.unit("ActiveState", "SubState", "ExecMainStatus"); got != "78 failed failed" && got != "failed failed 78" {
		g.t.Errorf("it is %q", got) // one to be restarted would be in auto-restart
	}
	if out := g.must("journalctl", "-u", unitName, "-o", "cat", "-n", "20"); !strings.Contains(out, "mqqt") {
		g.t.Errorf("the journal does not name the fault:\n%s", out)
	}
	g.write("/etc/envoyd/envoyd.yaml", good+"\n", 0o640)
	g.must("systemctl", "reset-failed", unitName)
	g.must("systemctl", "start", unitName)
	g.fresh()
}
