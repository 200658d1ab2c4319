// go-check opens the published folder of a log with Go's own implementation of notes and tiles (golang.org/x/mod/sumdb)
// and none of this project's code: a second opinion on our bytes.
//
// Usage: go-check FOLDER VKEY
//
// It verifies the checkpoint's signature, recomputes the root from every entry of the entry bundles, compares every
// tile file with the recomputed hashes, and then acts as a client: it proves every record from the tiles alone with
// CheckRecord, and older trees with CheckTree. (TileHashReader does not authenticate every tile that it returns hashes
// from, so its answers are never taken as they are.)
package main

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height    = 8
	fullWidth = 1 << height
	// What a packed bundle's name ends with, and how its bytes begin (docs/evidence-format.md, section 8).
	packedSuffix = ".gz"
	packedHeader = "\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff\x08\x00CS\x04\x00"
	mostBundle   = fullWidth * (2 + 65535)
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go-check FOLDER VKEY")
		os.Exit(2)
	}
	summary, err := check(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Println("FAIL:", err)
		os.Exit(1)
	}
	fmt.Println(summary)
}

func check(folder, vkey string) (string, error) {
	tree, err := openCheckpoint(filepath.Join(folder, "checkpoint"), vkey)
	if err != nil {
		return "", fmt.Errorf("checkpoint: %w", err)
	}
	leaves, err := readLeaves(folder, tree.N)
	if err != nil {
		return "", err
	}
	own, err := storeAll(leaves)
	if err != nil {
		return "", err
	}
	root, err := rootOf(tree.N, own)
	if err != nil {
		return "", err
	}
	if root != tree.Hash {
		return "", fmt.Errorf("the entries have root %v, the checkpoint says %v", root, tree.Hash)
	}
	if err := compareFiles(folder, tree.N, own); err != nil {
		return "", err
	}
	if err := proveAll(folder, tree, leaves, own); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d records, root %v, OK", tree.N, root), nil
}

// openCheckpoint verifies the signature and reads origin, size and root.
func openCheckpoint(path, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	// Go's decoder ignores the unused bits of the last base64 character; a changed byte there is a change as well.
	for _, sig := range append(opened.Sigs, opened.UnverifiedSigs...) {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return tlog.Tree{}, fmt.Errorf("signature of %s: %w", sig.Name, err)
		}
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, errors.New("not exactly three lines")
	}
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("origin %q, key of %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || lines[1] != strconv.FormatInt(size, 10) {
		return tlog.Tree{}, fmt.Errorf("size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// tileAt is the tile at a level (-1 for entries) and index as a tree of n records has it; ok is false if it has none.
func tileAt(level int, index, n int64) (tile tlog.Tile, ok bool) {
	shift := uint(0)
	if level > 0 {
		shift = uint(level * height)
	}
	width := (n >> shift) - index*fullWidth
	if width > fullWidth {
		width = fullWidth
	}
	return tlog.Tile{H: height, L: level, N: index, W: int(width)}, width > 0
}

// filePath maps x/mod's "tile/8/<level>/..." to "tile/<level>/...", and "data" to "entries".
func filePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), "tile/8/")
	if tile.L == -1 {
		path = "entries" + strings.TrimPrefix(path, "data")
	}
	return "tile/" + path
}

// readTile reads a tile, or the full tile that may have replaced a partial one.
func readTile(folder string, tile tlog.Tile) (data []byte, width int, err error) {
	data, err = readFile(folder, tile)
	if errors.Is(err, os.ErrNotExist) && tile.W < fullWidth {
		full := tile
		full.W = fullWidth
		data, fullErr := readFile(folder, full)
		if !errors.Is(fullErr, os.ErrNotExist) {
			return data, fullWidth, fullErr
		}
	}
	return data, tile.W, err
}

// readFile reads a tile's file; a full bundle may lie there packed.
func readFile(folder string, tile tlog.Tile) ([]byte, error) {
	path := filepath.Join(folder, filePath(tile))
	if tile.L == -1 && tile.W == fullWidth {
		packed, err := os.ReadFile(path + packedSuffix)
		if err == nil {
			return unpack(filePath(tile)+packedSuffix, packed)
		}
		if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return os.ReadFile(path)
}

// unpack reads a packed bundle: gzip of which every byte counts.
func unpack(name string, packed []byte) ([]byte, error) {
	broken := func(what string) ([]byte, error) { return nil, fmt.Errorf("%s: %s", name, what) }
	if !bytes.HasPrefix(packed, []byte(packedHeader)) || len(packed) < len(packedHeader)+12 {
		return broken("not the header of a packed bundle")
	}
	rest := packed[len(packedHeader)+4:]
	if crc32.ChecksumIEEE(rest) != binary.LittleEndian.Uint32(packed[len(packedHeader):]) {
		return broken("changed since it was packed")
	}
	stream, end := bytes.NewReader(rest[:len(rest)-8]), rest[len(rest)-8:]
	bundle, err := io.ReadAll(io.LimitReader(flate.NewReader(stream), mostBundle+1))
	if err != nil {
		return broken(err.Error())
	}
	if stream.Len() > 0 || len(bundle) > mostBundle || uint32(len(bundle)) != binary.LittleEndian.Uint32(end[4:]) {
		return broken("another length")
	}
	if crc32.ChecksumIEEE(bundle) != binary.LittleEndian.Uint32(end) {
		return broken("another content")
	}
	return bundle, nil
}

// splitBundle reads exactly width length-prefixed entries.
func splitBundle(data []byte, width int) ([][]byte, error) {
	var entries [][]byte
	for len(data) > 0 && len(entries) <= width {
		if len(data) < 2 {
			return nil, errors.New("ends within a length")
		}
		length := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+length {
			return nil, errors.New("ends within an entry")
		}
		entries = append(entries, data[2:2+length])
		data = data[2+length:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%d entries, not %d", len(entries), width)
	}
	return entries, nil
}

// readLeaves hashes every entry of the log.
func readLeaves(folder string, n int64) ([]tlog.Hash, error) {
	var leaves []tlog.Hash
	for index := int64(0); ; index++ {
		tile, ok := tileAt(-1, index, n)
		if !ok {
			return leaves, nil
		}
		data, width, err := readTile(folder, tile)
		if err != nil {
			return nil, err
		}
		entries, err := splitBundle(data, width)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filePath(tile), err)
		}
		for _, entry := range entries[:tile.W] {
			leaves = append(leaves, tlog.RecordHash(entry))
		}
	}
}

// storeAll computes every hash of the tree from its leaves.
func storeAll(leaves []tlog.Hash) (tlog.HashReader, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, fmt.Errorf("hash %d is not in the tree", index)
			}
			found[i] = stored[index]
		}
		return found, nil
	})
	for i, leaf := range leaves {
		hashes, err := tlog.StoredHashesForRecordHash(int64(i), leaf, reader)
		if err != nil {
			return nil, err
		}
		stored = append(stored, hashes...)
	}
	return reader, nil
}

// rootOf is the root of the first n records. x/mod leaves the empty tree's out; RFC 6962 says SHA-256 of nothing.
func rootOf(n int64, own tlog.HashReader) (tlog.Hash, error) {
	if n == 0 {
		return sha256.Sum256(nil), nil
	}
	return tlog.TreeHash(n, own)
}

// compareFiles compares every tile file within the tree with the hashes recomputed from the entries, those of older
// checkpoints included. Files ahead of the checkpoint are normal while a log publishes: they are named, not checked.
func compareFiles(folder string, n int64, own tlog.HashReader) error {
	return filepath.Walk(filepath.Join(folder, "tile"), func(path string, info os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) && n == 0 {
			return nil
		}
		if err != nil || info.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		tile, err := parsePath(filepath.ToSlash(name))
		if err != nil {
			return err
		}
		largest, ok := tileAt(tile.L, tile.N, n)
		if !ok || tile.W > largest.W {
			fmt.Fprintf(os.Stderr, "note: %s lies ahead of the checkpoint, not checked\n", name)
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, packedSuffix) {
			if _, err := os.Stat(strings.TrimSuffix(path, packedSuffix)); !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("%s lies beside the same bundle that is not packed", name)
			}
			if data, err = unpack(name, data); err != nil {
				return err
			}
		}
		return compareFile(tile, data, own)
	})
}

// compareFile checks one file's content.
func compareFile(tile tlog.Tile, data []byte, own tlog.HashReader) error {
	hashes := tile
	if tile.L == -1 {
		hashes.L = 0
		entries, err := splitBundle(data, tile.W)
		if err != nil {
			return fmt.Errorf("%s: %w", filePath(tile), err)
		}
		data = nil
		for _, entry := range entries {
			leaf := tlog.RecordHash(entry)
			data = append(data, leaf[:]...)
		}
	}
	expected, err := tlog.ReadTileData(hashes, own)
	if err != nil {
		return err
	}
	if !bytes.Equal(data, expected) {
		return fmt.Errorf("%s does not belong to this tree", filePath(tile))
	}
	return nil
}

// parsePath is the inverse of filePath; a full bundle's name may say that it is packed.
func parsePath(name string) (tlog.Tile, error) {
	plain := strings.TrimSuffix(name, packedSuffix)
	path := "tile/8/" + strings.TrimPrefix(plain, "tile/")
	if strings.HasPrefix(plain, "tile/entries/") {
		path = "tile/8/data/" + strings.TrimPrefix(plain, "tile/entries/")
	}
	tile, err := tlog.ParseTilePath(path)
	if err != nil || filePath(tile) != plain || (plain != name && (tile.L != -1 || tile.W != fullWidth)) {
		return tlog.Tile{}, fmt.Errorf("%s is not the name of a tile", name)
	}
	return tile, nil
}

// proveAll is what a client does that has the checkpoint, tiles and entries: prove every record, and older trees.
func proveAll(folder string, tree tlog.Tree, leaves []tlog.Hash, own tlog.HashReader) error {
	served := tlog.TileHashReader(tree, &tileFiles{folder: folder, seen: map[tlog.Tile][]byte{}})
	for i, leaf := range leaves {
		proof, err := tlog.ProveRecord(tree.N, int64(i), served)
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, int64(i), leaf); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	for _, old := range olderSizes(tree.N) {
		root, err := tlog.TreeHash(old, own)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, old, served)
		if err != nil {
			return fmt.Errorf("tree of %d records: %w", old, err)
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, root); err != nil {
			return fmt.Errorf("tree of %d records: %w", old, err)
		}
	}
	return nil
}

// olderSizes are the powers of two up to n, their neighbours, n-1 and n.
func olderSizes(n int64) []int64 {
	var sizes []int64
	for power := int64(1); power <= n; power *= 2 {
		for size := power - 1; size <= power+1; size++ {
			if size >= 1 && size <= n {
				sizes = append(sizes, size)
			}
		}
	}
	if n > 1 {
		sizes = append(sizes, n-1, n)
	}
	return sizes
}

// tileFiles is a tlog.TileReader over a folder.
type tileFiles struct {
	folder string
	seen   map[tlog.Tile][]byte
}

func (t *tileFiles) Height() int { return height }

func (t *tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, ok := t.seen[tile]
		if !ok {
			file, width, err := readTile(t.folder, tile)
			if err != nil {
				return nil, err
			}
			if len(file) != width*tlog.HashSize {
				return nil, fmt.Errorf("%s has %d bytes", filePath(tile), len(file))
			}
			data = file[:tile.W*tlog.HashSize]
			t.seen[tile] = data
		}
		all = append(all, data)
	}
	return all, nil
}
