package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"envoyd/internal/sim"
	"envoyd/internal/sim/account"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"envoyd": main})
}

// TestScripts runs the real command as its users do, beside a simulated home.
// Each script has these variables: GATEWAY, SERIAL, CLOUD, BROKER,
// BROKER_USER, DATABASE, DEAD (an address where nothing listens) and the files
// token, foreign, garbage, mqtt-password, account-password.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: setUpScript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "expand": expand, "newkey": newKey, "await": await,
		},
	})
}

// secretsKey finds a script's secrets among its values.
type secretsKey struct{}

type simKey struct{}

// secretForms are secrets whoever issued them: tokens and session cookies.
var secretForms = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8}|(?i)sessionid=`)

func setUpScript(env *testscript.Env) error {
	s, err := sim.Start(sim.Config{Cloud: "127.0.0.1:0", Broker: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	database := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"code":"unauthorized","message":"unauthorized access"}`))
	}))
	dead := httptest.NewServer(nil)
	dead.Close()
	env.Defer(database.Close)
	env.Defer(func() { _ = s.Close() }) // the script is over
	for name, value := range map[string]string{
		"GATEWAY": s.Gateway.Addr(), "SERIAL": s.Identity().Serial, "CLOUD": s.Account.URL(),
		"BROKER": s.Broker.Addr(), "BROKER_USER": s.Broker.User(), "DATABASE": database.URL,
		"DEAD": dead.Listener.Addr().String(), "STATE_DIRECTORY": filepath.Join(env.WorkDir, "state"),
		"ACCOUNT": sim.User,
	} {
		env.Setenv(name, value)
	}
	const influxToken = "the-influx-secret-1"
	env.Values[simKey{}] = s
	env.Values[secretsKey{}] = []string{s.Broker.Password(), account.Password, influxToken}
	for name, text := range map[string]string{
		"token": s.Token(), "foreign": s.ForeignToken(), "garbage": "hunter2hunter2", "influx-token": influxToken,
		"mqtt-password": s.Broker.Password(), "account-password": account.Password,
	} {
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// exits runs a command, wants an exit status and no secret in what it says.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND …")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	said := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
	for _, secret := range ts.Value(secretsKey{}).([]string) {
		if strings.Contains(said, secret) {
			ts.Fatalf("a secret was printed")
		}
	}
	if secretForms.MatchString(said) {
		ts.Fatalf("a token or a session was printed")
	}
}

// expand puts the script's variables into files.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// newKey gives the gateway another key.
func newKey(ts *testscript.TestScript, _ bool, _ []string) {
	_, err := ts.Value(simKey{}).(*sim.Sim).Gateway.NewKey()
	ts.Check(err)
}

// await waits until a command succeeds.
func await(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for ts.Exec(args[0], args[1:]...) != nil {
		select {
		case <-ctx.Done():
			ts.Fatalf("waited in vain")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
