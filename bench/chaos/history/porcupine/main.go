// Judges a history of calls on pairs of paths by github.com/anishathalye/porcupine: history-judge FILE SECONDS. FILE has one JSON object a
// line, as bench/chaos/history/narrow-unknown.ts describes it. Each pair is judged by itself, for at most SECONDS. The program exits with
// 0 when the history is linearizable, with 1 when it is not, and with 3 when the time did not suffice to tell.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// operation is one call on a path of a pair. Times are in microseconds; the return of a call whose outcome is unknown is ignored.
type operation struct {
	Pair         int    `json:"pair"`
	Caller       int    `json:"caller"`
	Call         int64  `json:"call"`
	Return       int64  `json:"return"`
	Kind         string `json:"kind"`
	Path         int    `json:"path"`
	Content      int64  `json:"content"`
	Generation   int64  `json:"generation"`
	IfGeneration *int64 `json:"ifGeneration"`
	Seen         int64  `json:"seen"`
	Outcome      string `json:"outcome"`
	// Calls of unknown outcome have the number of the calls that do the same, and their place among these.
	Group int `json:"group"`
	Rank  int `json:"rank"`
}

type file struct{ content, generation int64 }

// place is what is known of one path. A live file has a generation from 1.
type place struct {
	live    file
	last    int64
	deleted []file
}

// slot is a generation that some answer has told: its content, and whether one of the known calls has made it.
type slot struct {
	content int64
	isMade  bool
}

// slots are the generations of both paths that somebody was told of. A call that nobody knows the outcome of can have made none that another
// call has made, and none with other bytes: without this there are too many places for it to look at.
type slots [2]map[int64]slot

func findSlots(operations []operation) slots {
	found := slots{map[int64]slot{}, map[int64]slot{}}
	for _, o := range operations {
		if o.Outcome != "ok" || o.Content == 0 || o.Generation == 0 {
			continue
		}
		path := o.Path
		if o.Kind == "move" {
			path = 1 - path
		}
		isMade := o.Kind == "commit" || o.Kind == "move" || found[path][o.Generation].isMade
		found[path][o.Generation] = slot{o.Content, isMade}
	}
	return found
}

// isFree says whether the call may have made this generation of the path.
func (s slots) isFree(path int, made file, o operation) bool {
	told, isTold := s[path][made.generation]
	return !isTold || told.content == made.content && !(o.Outcome == "unknown" && told.isMade)
}

// state is that of both paths. After the end of the history, calls of unknown outcome may stay without any effect.
type state struct {
	places [2]place
	// How many calls of each group of unknown outcomes have had their effect.
	used []int
	// The paths that the call before has touched, as bits, where its outcome is unknown.
	pending int
	isEnded bool
}

// use notes the effect of a call of unknown outcome; false where another of its group has to come first.
func (s state) use(o operation) (state, bool) {
	used := make([]int, max(len(s.used), o.Group+1))
	copy(used, s.used)
	if used[o.Group] != o.Rank {
		return s, false
	}
	used[o.Group]++
	s.used = used
	return s, true
}

func (s state) with(path int, p place) state {
	s.places[path] = p
	return s
}

// step says whether the call may have its outcome in the state, and the state behind it. Behind an effect of an unknown outcome, the next call
// is about one of its paths: before any other it could as well stand later.
func (known slots) step(s state, o operation) (bool, state) {
	touched := 1 << o.Path
	if o.Kind == "move" || o.Kind == "end" {
		touched = 3
	}
	if s.pending != 0 && s.pending&touched == 0 {
		return false, s
	}
	s.pending = 0
	isPossible, next := known.findNext(s, o)
	if o.Outcome == "unknown" && !s.isEnded {
		next.pending = touched
	}
	return isPossible, next
}

func (known slots) findNext(s state, o operation) (bool, state) {
	if o.Kind == "end" {
		s.isEnded = true
		return true, s
	}
	if o.Outcome == "unknown" {
		if s.isEnded {
			return true, s
		}
		next, isPossible := known.change(s, o)
		if !isPossible {
			return false, s
		}
		next, isPossible = next.use(o)
		return isPossible, next
	}
	p := s.places[o.Path]
	isLive := p.live.generation != 0
	switch o.Outcome {
	case "missing":
		if o.Kind == "undelete" {
			return !isLive && len(p.deleted) == 0, s
		}
		return !isLive && p.last >= o.Seen, s
	case "exists":
		return isLive, s
	case "mismatch":
		return o.IfGeneration != nil && p.live.generation != *o.IfGeneration, s
	}
	if o.Kind == "get" {
		return isLive && p.live == file{o.Content, o.Generation} && p.last >= o.Seen, s
	}
	next, isPossible := known.change(s, o)
	return isPossible, next
}

// change makes the change of a call that succeeds; false where it cannot succeed.
func (known slots) change(s state, o operation) (state, bool) {
	p := s.places[o.Path]
	isLive := p.live.generation != 0
	// A call that was repeated tells the present state of its file, so not every answer has the generation of then.
	isSame := func(f file) bool {
		return o.Outcome == "unknown" || f.content == o.Content && (o.Generation == 0 || o.Generation == f.generation)
	}
	switch o.Kind {
	case "commit":
		if o.IfGeneration != nil && *o.IfGeneration != p.live.generation {
			return s, false
		}
		p.last++
		p.live = file{o.Content, p.last}
		return s.with(o.Path, p), isSame(p.live) && known.isFree(o.Path, p.live, o)
	case "delete":
		if !isLive || !isSame(p.live) {
			return s, false
		}
		p.deleted = append(slices.Clip(p.deleted), p.live)
		p.live = file{}
		return s.with(o.Path, p), true
	case "undelete":
		if isLive || len(p.deleted) == 0 {
			return s, false
		}
		last := len(p.deleted) - 1
		p.live, p.deleted = p.deleted[last], p.deleted[:last]
		return s.with(o.Path, p), isSame(p.live)
	case "move":
		if !isLive {
			return s, false
		}
		target := s.places[1-o.Path]
		target.last++
		target.live = file{p.live.content, target.last}
		p.live = file{}
		return s.with(o.Path, p).with(1-o.Path, target), isSame(target.live) && known.isFree(1-o.Path, target.live, o)
	}
	panic("unknown kind of operation: " + o.Kind)
}

func equal(a, b state) bool {
	for i := range a.places {
		x, y := a.places[i], b.places[i]
		if x.live != y.live || x.last != y.last || !slices.Equal(x.deleted, y.deleted) {
			return false
		}
	}
	return a.isEnded == b.isEnded && a.pending == b.pending && slices.Equal(a.used, b.used)
}

func hash(s state) uint64 {
	h := uint64(14695981039346656037)
	mix := func(n int64) { h = (h ^ uint64(n)) * 1099511628211 }
	for _, p := range s.places {
		mix(p.live.content)
		mix(p.live.generation)
		mix(p.last)
		mix(int64(len(p.deleted)))
	}
	mix(int64(s.pending))
	for _, count := range s.used {
		mix(int64(count))
	}
	return h
}

func toModel(known slots) porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return state{} },
		Step:  func(s, input, _ any) (bool, any) { return known.step(s.(state), input.(operation)) },
		Equal: func(a, b any) bool { return equal(a.(state), b.(state)) },
		Hash:  func(s any) uint64 { return hash(s.(state)) },
	}
}

func read(path string) (map[int][]operation, int, error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer opened.Close()
	pairs, count := map[int][]operation{}, 0
	for lines := bufio.NewScanner(opened); lines.Scan(); count++ {
		var o operation
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return nil, 0, err
		}
		pairs[o.Pair] = append(pairs[o.Pair], o)
	}
	return pairs, count, nil
}

// toHistory leaves unknown outcomes open to the end, which is a call of its own behind all known ones.
func toHistory(operations []operation) []porcupine.Operation {
	var end int64
	for _, o := range operations {
		end = max(end, o.Call, o.Return)
	}
	history := []porcupine.Operation{{Input: operation{Kind: "end"}, Call: end + 1, Return: end + 2}}
	for _, o := range operations {
		returned := o.Return
		if o.Outcome == "unknown" {
			returned = math.MaxInt64
		}
		history = append(history, porcupine.Operation{ClientId: o.Caller, Input: o, Call: o.Call, Return: returned})
	}
	return history
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: history-judge FILE SECONDS")
		os.Exit(2)
	}
	pairs, count, err := read(os.Args[1])
	seconds, wrong := strconv.Atoi(os.Args[2])
	if err != nil || wrong != nil {
		fmt.Fprintln(os.Stderr, "cannot read the history:", err, wrong)
		os.Exit(2)
	}
	status := 0
	for pair, operations := range pairs {
		switch porcupine.CheckOperationsTimeout(toModel(findSlots(operations)), toHistory(operations), time.Duration(seconds)*time.Second) {
		case porcupine.Illegal:
			fmt.Printf("refused: the history of pair %d is not linearizable\n", pair)
			status = 1
		case porcupine.Unknown:
			fmt.Printf("undecided: the history of pair %d\n", pair)
			status = max(status, 3)
		}
	}
	if status == 0 {
		fmt.Printf("accepted %d operations of %d pairs\n", count, len(pairs))
	}
	os.Exit(status)
}
