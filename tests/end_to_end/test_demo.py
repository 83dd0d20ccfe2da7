"""The default training, on fewer of its posters."""

from keyart.runs.run import Run


def test_the_demo_trains_and_is_evaluated(train_here):
    code, out, err = train_here("data.posters=120", "training.head_epochs=3", "data.image_size=[96,64]", "name=demo")
    assert code == 0, err
    run = Run.open(out.splitlines()[-1])
    assert run.folder.parent.name == "demo"
    assert run.metrics["test/ndcg@10"] is not None
    assert run.metrics["test/precision@10/decade"] is not None
    for name in ("gallery.png", "report.html", "pictures/map_genre.png"):
        assert (run.folder / name).stat().st_size > 1000
