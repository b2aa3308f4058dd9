package token_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/fault"
	"envoyd/internal/status"
	"envoyd/internal/token"
)

func TestOneLoginAtATimeInTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := token.Open(t.TempDir())
		var mu sync.Mutex
		inside, most := 0, 0
		slow := func(serial string) *cloud {
			return &cloud{answer: func(context.Context, int) (token.Token, error) {
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(time.Minute)
				mu.Lock()
				inside--
				mu.Unlock()
				return issueFor(serial, "owner", year), nil
			}}
		}
		var wg sync.WaitGroup
		for _, s := range []string{serial, "122333444999"} {
			k := keeper(t, token.KeeperConfig{Serial: s, Files: files, Account: account, Fetcher: slow(s), Verifier: &gateway{}})
			wg.Go(func() {
				if err := k.Renew(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if most != 1 {
			t.Errorf("%d logins at once", most)
		}
	})
}

func TestWrongPasswordOfOneGatewayStopsTheOtherToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files, c := token.Open(t.TempDir()), fails(errWrong)
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), day)
		defer cancel()
		for _, s := range []string{serial, "122333444999"} {
			k := keeper(t, token.KeeperConfig{Serial: s, Files: files, Account: account, Fetcher: c, Verifier: &gateway{}})
			wg.Go(func() { k.Run(ctx) })
		}
		wg.Wait()
		if c.count() != 1 {
			t.Errorf("%d logins with a wrong password for two gateways, want one", c.count())
		}
	})
}

func TestNewTokenReplacesTheOldOneOnlyAfterTheGatewayTookIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		old := issue("owner", 20*day)
		save(t, dir, old)
		c, g := gives("owner", year), &gateway{err: errSaysNo}
		cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher, cfg.Verifier = c, g })
		k := runFor(t, cfg, 11*day) // half its life and the span of the first try
		if c.count() == 0 || g.shown != c.count() || !same(k.Current(), old) || len(stored(t, dir)) != 1 {
			t.Errorf("%d logins, shown %d times, %d stored", c.count(), g.shown, len(stored(t, dir)))
		}
	})
}

func TestAbsentGatewayIsShownTheTokenWhenItComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c, g := gives("owner", year), &gateway{err: errAway}
		time.AfterFunc(3*time.Hour, func() { g.set(nil) })
		k := runFor(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher, cfg.Verifier = c, g }), 4*time.Hour)
		if c.count() != 1 || k.Current().Text.IsZero() || len(stored(t, dir)) != 1 {
			t.Errorf("%d logins, %d stored; want one token after one login", c.count(), len(stored(t, dir)))
		}
	})
}

func TestShorterTokenDoesNotReplaceALongerOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		old := issue("owner", 20*day)
		save(t, dir, old)
		c := gives("installer", half)
		k := runFor(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c }), 13*day)
		if !same(k.Current(), old) || c.count() == 0 || c.count() > 4 {
			t.Errorf("after %d logins the token in use ends %v", c.count(), k.Current().ExpiresAt)
		}
	})
}

func TestTokenForAnotherGatewayIsNotStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c := &cloud{answer: func(context.Context, int) (token.Token, error) { return issueFor("122333444999", "owner", year), nil }}
		g := &gateway{}
		err := keeper(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher, cfg.Verifier = c, g })).Renew(t.Context())
		if !errors.Is(err, token.ErrOtherGateway) || g.shown != 0 || len(stored(t, dir)) != 0 {
			t.Errorf("error %v, shown %d times", err, g.shown)
		}
	})
}

func TestRenewDoesWhatAPersonAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		save(t, dir, issue("owner", 100*day))
		c := gives("owner", year)
		k := keeper(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c }))
		if err := k.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c.count() != 1 || !slices.ContainsFunc(stored(t, dir), func(s token.Token) bool { return same(s, k.Current()) }) {
			t.Error("the new token is not stored")
		}
	})
}

func TestEnsureKeepsEveryPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		c := fails(errWrong)
		cfg := with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = c })
		for range 5 { // a command that somebody runs every day
			err := keeper(t, cfg).Ensure(t.Context())
			if !fault.Is(err, fault.Auth) || fault.Mend(err) != "Correct the password." {
				t.Errorf("error %v, mend %q", err, fault.Mend(err))
			}
			time.Sleep(day)
		}
		if c.count() != 1 {
			t.Errorf("%d logins with a wrong password, want one", c.count())
		}
		save(t, dir, issue("owner", year))
		if err := keeper(t, cfg).Ensure(t.Context()); err != nil || c.count() != 1 {
			t.Errorf("with a token: %v after %d logins", err, c.count())
		}
	})
}

func TestRunWithoutInternetKeepsALivingToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		old := issue("owner", 10*day)
		save(t, dir, old)
		k := runFor(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher = fails(errDown) }), 10*day-time.Minute)
		if !same(k.Current(), old) {
			t.Error("the old token was given up before its end")
		}
	})
}

func TestFailedWishOfAPersonIsNoLastingProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, heard := t.TempDir(), &said{}
		save(t, dir, issue("owner", year))
		k := keeper(t, with(dir, func(c *token.KeeperConfig) { c.Fetcher, c.Report = fails(errDown), heard.report }))
		if err := k.Renew(t.Context()); !errors.Is(err, errDown) {
			t.Fatalf("error %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		k.Run(ctx)
		if state, message, _ := heard.get(); state != status.Green {
			t.Errorf("%s with a year left: %q", state, message)
		}
	})
}

func TestTokenThatCouldNotBeWrittenIsUsedAndWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, heard := t.TempDir(), &said{}
		obstacle := filepath.Join(dir, "tokens")
		if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		c := gives("owner", year)
		k, err := token.NewKeeper(with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher, cfg.Report = c, heard.report }))
		if err == nil {
			t.Fatal("a folder that is a file was read")
		}
		if err := os.Remove(obstacle); err != nil {
			t.Fatal(err)
		}
		k = keeper(t, with(dir, func(cfg *token.KeeperConfig) { cfg.Fetcher, cfg.Report = c, heard.report }))
		if err := os.WriteFile(obstacle, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, func() { _ = os.Remove(obstacle) })
		time.AfterFunc(time.Minute, func() {
			if state, _, _ := heard.get(); state != status.Yellow || k.Current().Text.IsZero() {
				t.Errorf("state %s while it is not written", state)
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		k.Run(ctx)
		if state, message, _ := heard.get(); state != status.Green || len(stored(t, dir)) != 1 || c.count() != 1 {
			t.Errorf("%s %q, %d stored, %d logins", state, message, len(stored(t, dir)), c.count())
		}
	})
}
