// Package browser tests the pages in the browser that people have: a real
// Chromium without a window, on the whole server with a fake Telegram.
//
// Its one rule: every page is watched from its first byte. What the console says,
// what the policy stops, what fails to load, what asks another server or opens a
// dialog fails the test, whatever the test was about. So does what a check finds;
// and for every check there is a page on which it does find something.
//
// The checks are scripts in the directory check. They know contrast, names,
// structure, layout, motion and the keyboard, and nothing of these pages. What a
// person has to judge is in the screenshots, which make screenshots lists.
//
// Chromium must be on the PATH; make deps installs it. Without it the tests fail.
package browser
