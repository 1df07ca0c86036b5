// As much of "k6/execution": which iteration this is, and an end of it all.
export default {
  scenario: { iterationInTest: 0 },
  test: {
    abort(why) {
      throw new Error("aborted: " + why);
    },
  },
};
