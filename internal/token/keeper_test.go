package token_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/status"
	"envoyd/internal/token"
)

func TestConfiguredTokenComesFirstWhileItLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		configured, kept := issue("owner", 10*day), issue("owner", year)
		save(t, dir, kept)
		k := keeper(t, with(dir, func(c *token.KeeperConfig) { c.Configured = configured.Text }))
		if !same(k.Current(), configured) || k.Current().Method != "configured" {
			t.Error("the configured token is not first")
		}
		time.Sleep(10 * day)
		if !same(k.Current(), kept) {
			t.Error("the stored token does not follow the configured one")
		}
		time.Sleep(year)
		if got := k.Current(); !got.Text.IsZero() {
			t.Errorf("an ended token is in use: %v", got)
		}
	})
}

func TestConfiguredTokenForAnotherGatewayIsAConfigurationFault(t *testing.T) {
	for name, text := range map[string]string{
		"another gateway": issueFor("122333444999", "owner", year).Text.Reveal(),
		"not a token":     "hunter2hunter2",
	} {
		_, err := token.NewKeeper(with(t.TempDir(), func(c *token.KeeperConfig) { c.Configured = secret.New(text) }))
		if !fault.Is(err, fault.Config) || fault.Mend(err) == "" || strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClockInThePastCondemnsNoToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		save(t, dir, issue("owner", day))
		trusted := false
		k := keeper(t, with(dir, func(c *token.KeeperConfig) { c.ClockTrusted = func() bool { return trusted } }))
		time.Sleep(2 * day)
		if k.Current().Text.IsZero() {
			t.Error("a clock that nobody trusts condemned the token")
		}
		trusted = true
		if !k.Current().Text.IsZero() {
			t.Error("an ended token is in use by a trusted clock")
		}
	})
}

func TestNoLoginBeforeTheClockIsSynchronised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gives("owner", year)
		began := time.Now()
		runFor(t, with(t.TempDir(), func(cfg *token.KeeperConfig) {
			cfg.Fetcher = c
			cfg.ClockTrusted = func() bool { return time.Since(began) > 5*time.Minute }
		}), time.Hour)
		if c.count() != 1 || c.calls[0].Sub(began) < 5*time.Minute {
			t.Errorf("logins at %v, want one after five minutes", c.calls)
		}
	})
}

func TestClockThatIsNeverSynchronisedDoesNotPreventALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gives("owner", year)
		runFor(t, with(t.TempDir(), func(cfg *token.KeeperConfig) {
			cfg.Fetcher = c
			cfg.ClockTrusted = func() bool { return false }
		}), time.Hour)
		if c.count() != 1 {
			t.Errorf("%d logins, want one", c.count())
		}
	})
}

func TestNoAccountMeansNoLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gives("owner", year)
		runFor(t, with(t.TempDir(), func(cfg *token.KeeperConfig) { cfg.Fetcher, cfg.Account = c, token.Account{} }), day)
		if c.count() != 0 {
			t.Error("logged in without an account")
		}
	})
}

func TestRefusedTokenGivesWayToAnother(t *testing.T) {
	dir := t.TempDir()
	older, newer := issue("owner", year), issue("owner", year)
	save(t, dir, older, newer)
	k := keeper(t, with(dir, nil))
	k.Refused()
	if !same(k.Current(), older) {
		t.Error("the older token was not tried")
	}
	k.Refused()
	if !same(k.Current(), newer) {
		t.Error("with all refused there should still be one")
	}
}

func TestRefusedLeadsToOneLoginADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, old := t.TempDir(), issue("owner", year)
		save(t, dir, old)
		c, g := gives("owner", year), &gateway{never: old.Text.Reveal()}
		g.set(errSaysNo)
		cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher, cfg.Verifier = c, g })
		for range 5 { // lives of the daemon, all within a day
			k := keeper(t, cfg)
			k.Refused()
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			k.Run(ctx)
			cancel()
		}
		if c.count() != 1 {
			t.Errorf("%d logins in five hours, want one", c.count())
		}
		g.set(nil)
		k := keeper(t, cfg)
		k.Refused()
		ctx, cancel := context.WithTimeout(t.Context(), 26*time.Hour)
		defer cancel()
		k.Run(ctx)
		if c.count() != 2 || len(stored(t, dir)) != 2 {
			t.Errorf("%d logins and %d tokens after a day, want two of each", c.count(), len(stored(t, dir)))
		}
	})
}

func TestRefusedWakesARunningKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, old := t.TempDir(), issue("owner", year)
		save(t, dir, old)
		c := gives("owner", 2*year)
		k := keeper(t, with(dir, func(cfg *token.KeeperConfig) {
			cfg.Fetcher, cfg.Verifier = c, &gateway{never: old.Text.Reveal()}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go func() {
			time.Sleep(time.Minute + time.Second)
			k.Refused()
			synctest.Wait()
			if c.count() != 1 || !same(k.Current(), stored(t, dir)[0]) {
				t.Errorf("%d logins at once, want one and its token in use", c.count())
			}
		}()
		k.Run(ctx)
	})
}

func TestRefusedFreshTokenWaitsADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, old := t.TempDir(), issue("owner", year)
		save(t, dir, old)
		c := gives("owner", 2*year)
		k := keeper(t, with(dir, func(cfg *token.KeeperConfig) {
			cfg.Fetcher, cfg.Verifier = c, &gateway{never: old.Text.Reveal()}
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 23*time.Hour)
		defer cancel()
		go func() {
			for range 3 { // each token in use, the fresh one too
				time.Sleep(time.Hour)
				k.Refused()
			}
		}()
		k.Run(ctx)
		if c.count() != 1 {
			t.Errorf("%d logins within a day, want one", c.count())
		}
	})
}

func TestDamagedStoreDoesNotStopTheKeeper(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, issue("owner", year))
	if err := os.WriteFile(filepath.Join(dir, "tokens", serial+".json"), []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	if k := keeper(t, with(dir, nil)); !k.Current().Text.IsZero() {
		t.Error("a token out of nowhere")
	}
}

// ended is a token of the year 2001.
func ended(t *testing.T) token.Token {
	t.Helper()
	tok, err := token.Parse(encode(map[string]any{"aud": serial, "iat": 1_000_000_000, "exp": 1_000_043_200}))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestOffer(t *testing.T) {
	tests := []struct {
		name    string
		offered token.Token
		gateway error
		have    bool
		kind    fault.Kind
		taken   bool
		told    string // what becomes of which token: in the mend, or in the log
	}{
		{"taken when the gateway accepts it", issue("owner", year), nil, true, 0, true, ""},
		{"not taken when the gateway refuses it", issue("owner", year), errSaysNo, true, fault.Auth, false, "so the present one stays"},
		{"not taken when the gateway refuses it, though there is none", issue("owner", year), errSaysNo, false, fault.Auth, false, "so it is not kept"},
		{"not taken when the gateway is away and there is one", issue("owner", year), errAway, true, fault.Transient, false, "could not be asked about this token, so the present one"},
		{"taken when the gateway is away and there is none", issue("owner", year), errAway, false, 0, true, "stored untried"},
		{"not taken for another gateway", issueFor("122333444999", "owner", year), nil, true, fault.Config, false, ""},
		{"not taken after its end", ended(t), nil, false, fault.Config, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if tt.have {
				save(t, dir, issue("owner", year))
			}
			var log bytes.Buffer
			k := keeper(t, with(dir, func(c *token.KeeperConfig) {
				c.Verifier, c.Log = &gateway{err: tt.gateway}, slog.New(slog.NewTextHandler(&log, nil))
			}))
			err := k.Offer(t.Context(), tt.offered)
			if (err == nil) != tt.taken || err != nil && (!fault.Is(err, tt.kind) || fault.Mend(err) == "") {
				t.Errorf("error %v of kind %v", err, fault.KindOf(err))
			}
			said := log.String() + fault.Mend(err)
			if !strings.Contains(said, tt.told) || strings.Contains(said, "stored untried") != (tt.told == "stored untried") {
				t.Errorf("said %q", said)
			}
			if got := same(k.Current(), tt.offered); got != tt.taken {
				t.Errorf("in use: %v, want %v", got, tt.taken)
			}
			if tokens := stored(t, dir); tt.taken && (len(tokens) == 0 || !same(tokens[0], tt.offered)) {
				t.Error("it was not stored")
			}
		})
	}
}

func TestHealthSpeaksToPeople(t *testing.T) {
	no := func(*token.KeeperConfig) {}
	withoutAccount := func(c *token.KeeperConfig) { c.Account = token.Account{} }
	tests := []struct {
		name          string
		life          time.Duration // of the stored token; 0 = none
		role          string
		change        func(*token.KeeperConfig)
		state         status.State
		message, mend string // parts of them
	}{
		{"a young token", year, "owner", no, status.Green, "365 days", ""},
		{"no token, no account", 0, "", withoutAccount, status.Red, "There is no token for gateway 122333444555", "account.username"},
		{"no account, 20 days left", 20 * day, "owner", withoutAccount, status.Yellow, "20 days", "envoyd token set"},
		{"installer token without an account", half, "installer", withoutAccount, status.Yellow, "installer token is valid until", "12 hours only"},
		{"installer token with an account", half, "installer", no, status.Green, "installer", ""},
		{"wrong password, no token", 0, "", func(c *token.KeeperConfig) { c.Fetcher = fails(errWrong) }, status.Red, "the login says no", "Correct the password."},
		{"wrong password, a week left", 7 * day / 2, "owner", func(c *token.KeeperConfig) { c.Fetcher = fails(errWrong) }, status.Green, "4 days", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, heard := t.TempDir(), &said{}
				if tt.life > 0 {
					save(t, dir, issue(tt.role, tt.life))
				}
				runFor(t, with(dir, func(c *token.KeeperConfig) {
					c.Fetcher, c.Report = gives("owner", year), heard.report
					tt.change(c)
				}), time.Second)
				state, message, mend := heard.get()
				if state != tt.state || !strings.Contains(message, tt.message) || !strings.Contains(mend, tt.mend) {
					t.Errorf("%s: %q, %q", state, message, mend)
				}
			})
		})
	}
}

func TestHealthTurnsRedAsTheEndComesNear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, heard := t.TempDir(), &said{}
		save(t, dir, issue("owner", 60*day))
		cfg := with(dir, func(c *token.KeeperConfig) { c.Fetcher, c.Report = fails(errDown), heard.report })
		for _, step := range []struct {
			after time.Duration
			want  status.State
		}{{20 * day, status.Green}, {20 * day, status.Yellow}, {18 * day, status.Red}, {3 * day, status.Red}} {
			runFor(t, cfg, step.after)
			if state, message, _ := heard.get(); state != step.want {
				t.Errorf("after %v more: %s %q, want %s", step.after, state, message, step.want)
			}
		}
		if _, message, _ := heard.get(); !strings.Contains(message, "ended on 2000-") || !strings.Contains(message, "the service is down") {
			t.Errorf("message %q", message)
		}
	})
}

func TestHealthWhenTheGatewayRefuses(t *testing.T) {
	dir, heard := t.TempDir(), &said{}
	save(t, dir, issue("owner", year))
	k := keeper(t, with(dir, func(c *token.KeeperConfig) { c.Report, c.Account = heard.report, token.Account{} }))
	k.Refused()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Renew(ctx); err == nil || errors.Is(err, context.Canceled) {
		t.Fatalf("renewed without an account: %v", err)
	}
	k.Report()
	state, message, mend := heard.get()
	if state != status.Red || !strings.Contains(message, "refuses its owner token") || !strings.Contains(mend, "date and time") {
		t.Errorf("%s: %q, %q", state, message, mend)
	}
}

func TestGatewayThatTakesItsTokenAgainIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, heard, g := t.TempDir(), &said{}, &gateway{err: errSaysNo}
		save(t, dir, issue("owner", year))
		k := keeper(t, with(dir, func(c *token.KeeperConfig) {
			c.Report, c.Verifier, c.Account = heard.report, g, token.Account{}
		}))
		time.AfterFunc(55*time.Minute, func() {
			if state, _, _ := heard.get(); state != status.Red {
				t.Errorf("state %s while it refuses", state)
			}
			g.set(nil)
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		k.Refused()
		k.Run(ctx)
		if state, message, _ := heard.get(); state != status.Green {
			t.Errorf("state %s, %q", state, message)
		}
		if g.shown > 7 {
			t.Errorf("the token was shown %d times in an hour", g.shown)
		}
	})
}
