package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"envoyd/internal/app"
)

// keys is what the trust command needs.
type keys interface {
	Key(ctx context.Context, serial string) (app.KeyState, error)
	Trust(ctx context.Context, k app.KeyState) error
}

func trustCommand(fs *flag.FlagSet) action {
	serial := fs.String("gateway", "", "`serial` of the gateway, when there are several")
	yes := fs.Bool("yes", false, "pin the present key without asking")
	return func(ctx context.Context, env *environment) error {
		cfg, err := env.load()
		if err != nil {
			return err
		}
		book, done, err := beside[keys](ctx, env, cfg)
		if err != nil {
			return err
		}
		defer done()
		k, err := book.Key(ctx, *serial)
		if err != nil {
			return err
		}
		return decideKey(ctx, env, book, k, *yes)
	}
}

func decideKey(ctx context.Context, env *environment, book keys, k app.KeyState, yes bool) error {
	fmt.Fprintf(env.out, "gateway %s\n  pinned   %s\n", k.Serial, orNone(strings.Join(k.Pinned, " ")))
	if k.Present == "" {
		fmt.Fprintf(env.out, "  present  none: %s\n", k.Error)
		return errors.New("the gateway shows no key now; nothing was changed")
	}
	fmt.Fprintf(env.out, "  present  %s (at %s, certificate until %s)\n", k.Present, k.Address, k.NotAfter.Format("2006-01-02"))
	if slices.Equal(k.Pinned, []string{k.Present}) {
		fmt.Fprintln(env.out, "The present key is the pinned one; nothing to do.")
		return nil
	}
	if !yes {
		fmt.Fprintln(env.out, "A key changes when the gateway was replaced or its certificate renewed; anything else is somebody in between.")
		fmt.Fprint(env.out, "Pin the present key? [y/N] ")
		answer, _ := bufio.NewReader(env.in).ReadString('\n') // nothing is no
		if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
			return errors.New("nothing was changed")
		}
	}
	if err := book.Trust(ctx, k); err != nil {
		return err
	}
	fmt.Fprintln(env.out, "Pinned.")
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
