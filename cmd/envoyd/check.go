package main

import (
	"context"
	"flag"
	"fmt"
	"io"

	"envoyd/internal/app"
)

func checkCommand(fs *flag.FlagSet) action {
	account := fs.Bool("account", false, "also log in to Enphase, although a valid token exists")
	return func(ctx context.Context, env *environment) error {
		cfg, err := env.load()
		if err != nil {
			return err
		}
		ok := true
		for line := range app.Check(ctx, cfg, env.log, app.CheckOptions{Account: *account, Version: version}) {
			printLine(env.out, line)
			ok = ok && line.Err == nil
		}
		if !ok {
			return errSilent
		}
		return nil
	}
}

func printLine(w io.Writer, l app.CheckLine) {
	if l.Err != nil {
		fmt.Fprintf(w, "%-24s FAULT  %v\n", l.Part, l.Err)
		if l.Mend != "" {
			fmt.Fprintf(w, "%-24s        %s\n", "", l.Mend)
		}
		return
	}
	fmt.Fprintf(w, "%-24s ok     %s\n", l.Part, l.Says)
}
