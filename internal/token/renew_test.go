package token_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/token"
)

func TestOwnerTokenIsRenewedFromThirtyDaysBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, began := t.TempDir(), time.Now()
		old := issue("owner", year)
		save(t, dir, old)
		c := gives("owner", year)
		cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c })
		runFor(t, cfg, 335*day-time.Minute)
		if c.count() != 0 {
			t.Fatalf("renewed after %v", c.calls[0].Sub(began))
		}
		k := runFor(t, cfg, day+time.Minute)
		if c.count() != 1 || same(k.Current(), old) || !same(k.Current(), stored(t, dir)[0]) {
			t.Errorf("%d logins a day later, want one and its token in use", c.count())
		}
	})
}

func TestFirstTryFallsOnAnotherMinuteInEachHouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := map[time.Duration]bool{}
		for range 5 {
			dir := t.TempDir()
			tok := issue("owner", year)
			save(t, dir, tok)
			c := gives("owner", year)
			cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c })
			time.Sleep(335 * day)
			for c.count() == 0 { // restarts draw no new lot
				runFor(t, cfg, 20*time.Minute)
			}
			seen[c.calls[0].Sub(tok.RenewAt()).Truncate(time.Minute)] = true
		}
		if len(seen) < 3 {
			t.Errorf("five houses renew at %v", seen)
		}
	})
}

func TestInstallerTokenIsRenewedAtHalfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := gives("installer", half)
		dir := t.TempDir()
		k := runFor(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c }), 10*day)
		if n := c.count(); n < 36 || n > 41 {
			t.Errorf("%d logins in ten days, want about four a day", n)
		}
		for i, at := range c.calls[1:] {
			if gap := at.Sub(c.calls[i]); gap < 6*time.Hour || gap > 6*time.Hour+30*time.Minute {
				t.Errorf("renewed after %v", gap)
			}
		}
		if k.Current().Text.IsZero() {
			t.Error("no token at the end")
		}
	})
}

func TestTransientFailuresClimbTheLadder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fails(errDown)
		runFor(t, with(t.TempDir(), func(cfg *token.KeeperConfig) { cfg.Fetcher = c }), 2*day)
		want := []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 6 * time.Hour}
		for i, w := range want {
			gap := c.calls[i+1].Sub(c.calls[i])
			if gap < w*8/10 || gap > w*12/10+time.Second {
				t.Errorf("pause %d was %v, want %v", i+1, gap, w)
			}
		}
	})
}

func TestTheOtherSidesWishIsRespected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fails(&fault.Error{Err: errors.New("too many sessions"), After: day})
		runFor(t, with(t.TempDir(), func(cfg *token.KeeperConfig) { cfg.Fetcher = c }), 23*time.Hour)
		if c.count() != 1 {
			t.Errorf("%d logins within the day asked for", c.count())
		}
	})
}

func TestGatewayNotOnTheAccountIsTriedOnceADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fails(&fault.Error{Kind: fault.Config, Err: errors.New("not yours")})
		runFor(t, with(t.TempDir(), func(cfg *token.KeeperConfig) { cfg.Fetcher = c }), 10*day)
		if n := c.count(); n < 8 || n > 13 {
			t.Errorf("%d logins in ten days", n)
		}
	})
}

func TestWrongPasswordIsNeverRepeatedUntilItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c := fails(errWrong)
		cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c })
		for range 3 {
			runFor(t, cfg, 30*day)
		}
		if c.count() != 1 {
			t.Fatalf("%d logins with a wrong password, want one", c.count())
		}
		other := cfg
		other.Account.Password = secret.New("another")
		other.Files = token.Open(dir)
		good := gives("owner", year)
		other.Fetcher = good
		runFor(t, other, time.Hour)
		if good.count() != 1 {
			t.Errorf("%d logins with the corrected password, want one", good.count())
		}
		if runFor(t, cfg, day); c.count() != 1 {
			t.Error("the wrong password was tried again after it came back")
		}
	})
}

func TestRecordHoldsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		runFor(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = fails(errWrong) }), time.Hour)
		path := filepath.Join(dir, "token-attempts.json")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"jane", "correct horse"} {
			if strings.Contains(string(data), s) {
				t.Errorf("the record holds %q: %s", s, data)
			}
		}
		if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", info.Mode())
		}
	})
}

func TestAtMostThreeAnswersADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fails(answeredTransient{})
		cfg := with(t.TempDir(), func(cfg *token.KeeperConfig) { cfg.Fetcher = c })
		for range 47 {
			k := runFor(t, cfg, 30*time.Minute)
			_ = k.Renew(t.Context()) // a person in a hurry
		}
		if c.count() != 3 {
			t.Errorf("%d answered logins in a day, want three", c.count())
		}
		if runFor(t, cfg, 8*time.Hour); c.count() == 3 {
			t.Error("no login on the next day")
		}
	})
}

// answeredTransient is an outage that began after the login page had answered.
type answeredTransient struct{}

func (answeredTransient) Error() string     { return "token page down" }
func (answeredTransient) LoginAnswers() int { return 1 }

func TestCrashInTheMiddleOfALoginCountsAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		var kill context.CancelFunc
		c := &cloud{answer: func(ctx context.Context, _ int) (token.Token, error) {
			saveState(t, dir)
			kill()
			<-ctx.Done()
			return token.Token{}, ctx.Err()
		}}
		cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c })
		for range 100 { // a crash loop, ten seconds each
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			kill = cancel
			keeper(t, cfg).Run(ctx)
			cancel()
			restoreState(t, dir) // what a killed process leaves behind
			time.Sleep(10 * time.Second)
		}
		if c.count() > 3 {
			t.Errorf("%d logins in a crash loop of half an hour", c.count())
		}
	})
}

func saveState(t *testing.T, dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "token-attempts.json"))
	if err != nil {
		t.Error(err)
		return
	}
	if err := os.WriteFile(filepath.Join(dir, "killed"), data, 0o600); err != nil {
		t.Error(err)
	}
}

func restoreState(t *testing.T, dir string) {
	t.Helper()
	err := os.Rename(filepath.Join(dir, "killed"), filepath.Join(dir, "token-attempts.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestNoLoginThatCannotBeWrittenDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c := gives("owner", year)
		cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c })
		if err := os.Mkdir(filepath.Join(dir, "token-attempts.json"), 0o700); err != nil {
			t.Fatal(err)
		}
		k := keeper(t, cfg) // it must cost the daemon a login, not its start
		if err := k.Renew(t.Context()); err == nil || fault.Mend(err) == "" || c.count() != 0 {
			t.Errorf("%d logins, error %v", c.count(), err)
		}
	})
}

func TestDamagedRecordIsSetAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		record := filepath.Join(dir, "token-attempts.json")
		if err := os.WriteFile(record, []byte(`{"version":1,"answers":[`), 0o600); err != nil {
			t.Fatal(err)
		}
		c := gives("owner", year)
		runFor(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c }), time.Hour)
		if _, err := os.Stat(record + ".damaged"); err != nil || c.count() != 1 {
			t.Errorf("%d logins, %v", c.count(), err)
		}
	})
}

func TestTimesWrittenByAWrongClockDoNotBindForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		content := `{"version":1,"salt":"00","answers":["2090-01-01T00:00:00Z","2090-01-01T00:00:00Z","2090-01-01T00:00:00Z"],` +
			`"gateways":{"` + serial + `":{"failures":9,"next":"2090-01-01T00:00:00Z"}}}`
		if err := os.WriteFile(filepath.Join(dir, "token-attempts.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c := gives("owner", year)
		runFor(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c }), 2*day)
		if c.count() != 1 {
			t.Errorf("%d logins in two days, want one", c.count())
		}
	})
}

// Coming is what tells a gateway without a token from one that will have it in
// a moment.
func TestATokenIsComingUntilALoginEndsForGood(t *testing.T) {
	noAccount := func(cfg *token.KeeperConfig) { cfg.Account = token.Account{} }
	for name, c := range map[string]struct {
		change        func(*token.KeeperConfig)
		before, after bool
	}{
		"without an account":       {noAccount, false, false},
		"while Enphase is down":    {func(cfg *token.KeeperConfig) { cfg.Fetcher = fails(errDown) }, true, true},
		"with the wrong password":  {func(cfg *token.KeeperConfig) { cfg.Fetcher = fails(errWrong) }, true, false},
		"with one that is fetched": {func(cfg *token.KeeperConfig) { cfg.Fetcher = gives("owner", year) }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := with(t.TempDir(), c.change)
				if got := keeper(t, cfg).Coming(); got != c.before {
					t.Errorf("before the first login: %v", got)
				}
				if got := runFor(t, cfg, time.Second).Coming(); got != c.after {
					t.Errorf("after it: %v", got)
				}
			})
		})
	}
	t.Run("not with a password that was wrong before the restart", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cfg := with(t.TempDir(), func(cfg *token.KeeperConfig) { cfg.Fetcher = fails(errWrong) })
			runFor(t, cfg, time.Second)
			if runFor(t, cfg, time.Second).Coming() {
				t.Error("one is said to be coming")
			}
		})
	})
}
