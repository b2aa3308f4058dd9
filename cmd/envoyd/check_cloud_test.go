package main

import (
	"os"
	"strings"
	"testing"

	"envoyd/internal/e2e"
	"envoyd/internal/sim/cloud"
)

// change replaces a text of the configuration.
func change(t *testing.T, h *e2e.House, from, to string) {
	t.Helper()
	text, err := os.ReadFile(h.File)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("there is no %q in the configuration", from)
	}
	if err := os.WriteFile(h.File, []byte(strings.ReplaceAll(string(text), from, to)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// connected is a home whose owner has said yes, the daemon not yet running.
func connected(t *testing.T) *e2e.House {
	t.Helper()
	h := cloudHouse(t)
	c := typing(t, h, "connect", "enlighten")
	c.types(code(t, c.address()))
	c.ends(exitOK)
	return h
}

func TestCheckSaysWhichCredentialIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		from, to string
		want     []string // of the line and its mend
	}{
		"none":              {"the-client-1", "the-client-1", []string{"ok     may be asked for system 4321098"}},
		"the client id":     {"the-client-1", "another-client", []string{"FAULT", "another application", "cloud.enlighten.client_id"}},
		"the client secret": {"the-client-secret-1", "another-secret", []string{"FAULT", "client secret", "client_secret_file"}},
		"the api key":       {"the-api-key-1", "another-key", []string{"FAULT", "API key", "cloud.enlighten.api_key_file"}},
		"the system":        {"api_key:", "system_id: 4321099, api_key:", []string{"FAULT", "cloud.enlighten.system_id", "4321098"}},
	} {
		t.Run(name, func(t *testing.T) {
			besideAndAlone(t, func(t *testing.T) *e2e.House {
				h := connected(t)
				change(t, h, c.from, c.to)
				return h
			}, func(t *testing.T, h *e2e.House) {
				run := typing(t, h, "check")
				e2e.WaitFor(t, "the command to end", func() bool { return len(run.exit) > 0 })
				line := between(run.said.String(), "\ncloud enlighten ", "\ncloud budget ")
				for _, want := range c.want {
					if !strings.Contains(line, want) {
						t.Errorf("no %q in %q", want, line)
					}
				}
				if name != "none" { // the daemon may not have read the gateway yet
					run.ends(exitFailed)
				}
			})
		})
	}
}

func TestCheckTriesTheInstallersLogin(t *testing.T) {
	besideAndAlone(t, func(t *testing.T) *e2e.House {
		h := partnerHouse(t, "app: partner, ", cloud.InstallerPassword)
		typing(t, h, "connect", "enlighten").ends(exitOK)
		if text := typing(t, h, "check").ends(exitOK); !strings.Contains(text, "may be asked for system 4321098") {
			t.Errorf("said %s", text)
		}
		change(t, h, cloud.InstallerPassword, "wrong")
		return h
	}, func(t *testing.T, h *e2e.House) {
		line := between(typing(t, h, "check").ends(exitFailed), "\ncloud enlighten ", "\ncloud budget ")
		if !strings.Contains(line, "FAULT") || !strings.Contains(line, "password_file") {
			t.Errorf("said %s", line)
		}
		if text := typing(t, h, "connect", "enlighten").ends(exitFailed); !strings.Contains(text, "password is wrong") || !granted(h) {
			t.Errorf("said %s", text)
		}
	})
}

func TestCheckTellsTheBudget(t *testing.T) {
	h := connected(t)
	text := typing(t, h, "check").ends(exitOK)
	if !strings.Contains(text, "cloud budget             ok     plan watt: ") || !strings.Contains(text, " of 1000 calls of this month made") {
		t.Errorf("said %s", text)
	}
}

func TestCheckNamesTheCommandThatConnects(t *testing.T) {
	besideAndAlone(t, cloudHouse, func(t *testing.T, h *e2e.House) {
		text := typing(t, h, "check").ends(exitFailed)
		line := between(text, "\ncloud enlighten ", "\ncloud budget ")
		if !strings.Contains(line, "was not granted yet") || !strings.Contains(line, "Run envoyd connect enlighten.") {
			t.Errorf("said %s", text)
		}
	})
}

// between is what stands from one text up to the next.
func between(text, from, to string) string {
	_, rest, _ := strings.Cut("\n"+text, from)
	part, _, _ := strings.Cut(rest, to)
	return part
}
